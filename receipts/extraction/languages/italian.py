"""Italian."""

from __future__ import annotations

from typing import Final

from .language import Language, split_months, split_table

ITALIAN: Final = Language(
    final_totals=split_table(
        "totale documento | totale fattura | importo totale | totale ivato | totale iva inclusa | totale ordine",
        "totale generale | totale complessivo | importo totale documento",
    ),
    payments=split_table(
        "totale da pagare | totale dovuto | netto a pagare | importo da pagare | importo dovuto | totale pagato",
        "importo pagato | importo addebitato | da pagare | hai pagato | ha pagato",
    ),
    totals=split_table("totale | importo | somma"),
    other_totals=split_table(
        "imponibile | totale imponibile | totale netto | totale merce | totale iva | totale imposta | importo iva",
        "subtotale | sub totale | totale sconto* | totale parziale | importo netto | totale sconti | saldo precedente",
    ),
    taxes=split_table("iva | imposta"),
    refund_totals=split_table("importo rimborsato | totale rimborsato | totale rimborso | importo accreditato"),
    deposits=split_table("acconto | acconti | anticipo"),
    currency_labels=split_table("valuta | divisa"),
    receipts=split_table(
        "fattura* | fatture | ricevuta | ricevute | scontrino | conferma di pagamento | conferma pagamento",
        "conferma d'ordine | conferma ordine | il tuo ordine | il suo ordine | nota di credito | rimborso",
    ),
    credit_notes=split_table("nota di credito | nota di accredito | nota credito | rimborso"),
    charges=split_table(
        "hai pagato | ha pagato | hai inviato un pagamento | ha inviato un pagamento | pagamento a",
        "abbiamo addebitato | è stato addebitato | è stato rinnovato | rinnovo dell'abbonamento | rinnovo abbonamento",
    ),
    quotes=split_table("preventivo | fattura proforma | fattura pro forma | proforma | offerta"),
    reminders=split_table(
        "promemoria | sollecito | sollecito di pagamento | fattura scaduta | fatture scadute | fattura insoluta",
        "fatture insolute | estratto conto",
    ),
    failures=split_table(
        "pagamento non riuscito | pagamento rifiutato | pagamento fallito | pagamento è stato rifiutato",
        "addebito non riuscito | carta rifiutata | impossibile elaborare il pagamento",
    ),
    failure_subjects=split_table("problema con il pagamento"),
    acknowledgements=split_table(
        "ricevuto la vostra fattura | ricevuto la sua fattura | ricevuto la tua fattura",
        "ricezione della vostra fattura | vostra fattura è stata ricevuta | grazie per la vostra fattura",
    ),
    quoting=split_table("ha scritto: | messaggio originale"),
    quoted_headers=split_table("inviato:"),
    issue_dates=split_table(
        "data fattura | data della fattura | data documento | data di emissione | data emissione | emessa il",
        "emesso il | data ricevuta",
    ),
    payment_dates=split_table("data pagamento | data di pagamento | pagato il | data acquisto"),
    order_dates=split_table("data ordine | data dell'ordine"),
    dates=split_table("data"),
    other_dates=split_table(
        "scadenza | data scadenza | data di scadenza | scade il | scad | data di consegna | data consegna | entro il",
        "entro | periodo | valido fino al | fino al | dal | al | data di nascita",
    ),
    months=split_months(
        "gennaio gen | febbraio | marzo | aprile | maggio mag | giugno giu | luglio lug | agosto | settembre set",
        "ottobre ott | novembre | dicembre",
    ),
    invoice_numbers=split_table("fattura | nota di credito | nota credito"),
    receipt_numbers=split_table("ricevuta | scontrino"),
    document_numbers=split_table("documento"),
    other_numbers=split_table("ordine | transazione | riferimento"),
    number_marks=split_table("numero | num | n° | n | no | nr | rif"),
    sellers=split_table("venditore | fornitore | cedente | emittente | venduto da | cedente prestatore | pagamento a"),
    customers=split_table("cliente* | spett* | destinatario | intestatario | cessionario* | acquirente* | fatturare a"),
    payees=split_table("pagamento a | pagamento di a | fattura di | ricevuta di"),
    names=split_table("nome | denominazione | ragione sociale"),
    business_ids=split_table("p.iva | p. iva | partita iva | c.f | codice fiscale"),
    pages=split_table("pagina | pag"),
)
