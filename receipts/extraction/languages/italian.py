"""Italian."""

from __future__ import annotations

from typing import Final

from .language import Language, months, table

ITALIAN: Final = Language(
    final_totals=table(
        "totale documento | totale fattura | importo totale | totale ivato | totale iva inclusa | totale ordine",
        "totale generale | totale complessivo | importo totale documento",
    ),
    payments=table(
        "totale da pagare | totale dovuto | netto a pagare | importo da pagare | importo dovuto | totale pagato",
        "importo pagato | importo addebitato | da pagare | hai pagato | ha pagato",
    ),
    totals=table("totale | importo | somma"),
    other_totals=table(
        "imponibile | totale imponibile | totale netto | totale merce | totale iva | totale imposta | importo iva",
        "subtotale | sub totale | totale sconto* | totale parziale | importo netto | totale sconti | saldo precedente",
    ),
    taxes=table("iva | imposta"),
    refund_totals=table("importo rimborsato | totale rimborsato | totale rimborso | importo accreditato"),
    deposits=table("acconto | acconti | anticipo"),
    currency_labels=table("valuta | divisa"),
    receipts=table(
        "fattura* | fatture | ricevuta | ricevute | scontrino | conferma di pagamento | conferma pagamento",
        "conferma d'ordine | conferma ordine | il tuo ordine | il suo ordine | nota di credito | rimborso",
    ),
    credit_notes=table("nota di credito | nota di accredito | nota credito | rimborso"),
    charges=table(
        "hai pagato | ha pagato | hai inviato un pagamento | ha inviato un pagamento | pagamento a",
        "abbiamo addebitato | è stato addebitato | è stato rinnovato | rinnovo dell'abbonamento | rinnovo abbonamento",
    ),
    quotes=table("preventivo | fattura proforma | fattura pro forma | proforma | offerta"),
    reminders=table(
        "promemoria | sollecito | sollecito di pagamento | fattura scaduta | fatture scadute | fattura insoluta",
        "fatture insolute | estratto conto",
    ),
    failures=table(
        "pagamento non riuscito | pagamento rifiutato | pagamento fallito | pagamento è stato rifiutato",
        "addebito non riuscito | carta rifiutata | impossibile elaborare il pagamento",
    ),
    failure_subjects=table("problema con il pagamento"),
    acknowledgements=table(
        "ricevuto la vostra fattura | ricevuto la sua fattura | ricevuto la tua fattura",
        "ricezione della vostra fattura | vostra fattura è stata ricevuta | grazie per la vostra fattura",
    ),
    quoting=table("ha scritto: | messaggio originale"),
    quoted_headers=table("inviato:"),
    issue_dates=table(
        "data fattura | data della fattura | data documento | data di emissione | data emissione | emessa il",
        "emesso il | data ricevuta",
    ),
    payment_dates=table("data pagamento | data di pagamento | pagato il | data acquisto"),
    order_dates=table("data ordine | data dell'ordine"),
    dates=table("data"),
    other_dates=table(
        "scadenza | data scadenza | data di scadenza | scade il | scad | data di consegna | data consegna | entro il",
        "entro | periodo | valido fino al | fino al | dal | al | data di nascita",
    ),
    months=months(
        "gennaio gen | febbraio | marzo | aprile | maggio mag | giugno giu | luglio lug | agosto | settembre set",
        "ottobre ott | novembre | dicembre",
    ),
    invoice_numbers=table("fattura | nota di credito | nota credito"),
    receipt_numbers=table("ricevuta | scontrino"),
    document_numbers=table("documento"),
    other_numbers=table("ordine | transazione | riferimento"),
    number_marks=table("numero | num | n° | n | no | nr | rif"),
    sellers=table("venditore | fornitore | cedente | emittente | venduto da | cedente prestatore | pagamento a"),
    customers=table("cliente* | spett* | destinatario | intestatario | cessionario* | acquirente* | fatturare a"),
    payees=table("pagamento a | pagamento di a | fattura di | ricevuta di"),
    names=table("nome | denominazione | ragione sociale"),
    business_ids=table("p.iva | p. iva | partita iva | c.f | codice fiscale"),
    pages=table("pagina | pag"),
)
