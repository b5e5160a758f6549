"""Dutch."""

from __future__ import annotations

from typing import Final

from .language import Language, months, table

DUTCH: Final = Language(
    final_totals=table(
        "totaalbedrag | factuurbedrag | factuur totaal | totaal factuur | totaal incl* | totaal inclusief*",
        "totaal (incl* | bedrag incl* | bedrag inclusief* | eindtotaal | eindbedrag | totale bedrag",
    ),
    payments=table(
        "totaal te betalen | te betalen | te betalen bedrag | totaal te voldoen | te voldoen | totaal betaald",
        "betaald bedrag | openstaand bedrag | verschuldigd bedrag | afgeschreven bedrag | u heeft betaald",
        "je hebt betaald",
    ),
    totals=table("totaal | bedrag | som"),
    other_totals=table(
        "subtotaal | sub totaal | subtotaal ex* | totaal excl* | totaal exclusief* | totaal ex* | totaal (excl*",
        "bedrag excl* | bedrag exclusief* | exclusief btw | excl btw | totaal btw | btw bedrag | totaal netto",
        "nettobedrag | netto bedrag | grondslag | totaal korting | vorig saldo",
    ),
    taxes=table("btw"),
    refund_totals=table(
        "terugbetaald bedrag | terug te ontvangen | totaal creditnota | creditbedrag | gecrediteerd bedrag",
    ),
    deposits=table("aanbetaling* | voorschot* | reeds betaald | vooruitbetaald"),
    currency_labels=table("valuta"),
    receipts=table(
        "*factuur | facturen | factuur nummer | factuur nr | kassabon | aankoopbon | kwitantie | betaalbewijs",
        "betalingsbevestiging | betaalbevestiging | orderbevestiging | bestelbevestiging | uw bestelling",
        "je bestelling | creditnota | terugbetaling",
    ),
    credit_notes=table("creditnota | creditfactuur | credit nota | terugbetaling"),
    charges=table(
        "u heeft betaald | je hebt betaald | je hebt een betaling* | u heeft een betaling* | betaling aan",
        "is afgeschreven | is verlengd | verlenging van*",
    ),
    quotes=table("offerte | prijsopgave | pro forma factuur | proforma factuur | proforma"),
    reminders=table(
        "herinnering | betalingsherinnering | aanmaning | openstaande factu* | onbetaalde factu* | vervallen factu*",
        "rekeningoverzicht",
    ),
    failures=table(
        "betaling mislukt | betaling is mislukt | mislukte betaling | betaling geweigerd | betaling is geweigerd",
        "incasso mislukt | konden niet afschrijven",
    ),
    failure_subjects=table("probleem met je betaling | probleem met uw betaling"),
    acknowledgements=table(
        "uw factuur ontvangen | je factuur ontvangen | uw factuur is ontvangen | ontvangst van uw factuur",
        "bedankt voor uw factuur | uw factuur in goede orde ontvangen",
    ),
    quoting=table("schreef: | oorspronkelijk bericht"),
    quoted_headers=table("verzonden:"),
    issue_dates=table(
        "factuurdatum | factuur datum | datum factuur | uitgiftedatum | datum van uitgifte | betaaloverzichtdatum",
    ),
    payment_dates=table("betaaldatum | betaald op | aankoopdatum | datum betaling"),
    order_dates=table("orderdatum | besteldatum"),
    dates=table("datum"),
    other_dates=table(
        "vervaldatum | vervalt op | uiterste betaaldatum | te betalen voor | betalen voor | leverdatum | verzenddatum",
        "periode | geldig tot | tot en met | tot | geboortedatum",
    ),
    months=months(
        "januari | februari | maart mrt | april | mei | juni | juli | augustus | september | oktober | november",
        "december",
    ),
    invoice_numbers=table("*factuur | factuur nummer | factuur nr | creditnota | creditnota nummer"),
    receipt_numbers=table("bon | bon nummer | kwitantie | kwitantie nummer"),
    document_numbers=table("document"),
    other_numbers=table(
        "order | order nummer | bestel nummer | bestelling | transactie | betaaloverzicht nummer",
    ),
    number_marks=table("nummer | nr | no"),
    sellers=table("verkoper | leverancier | verkocht door | betaling aan"),
    customers=table("klant* | factuuradres | afleveradres | factureren aan | ontvanger | koper* | t.a.v"),
    payees=table("betaling aan | betaling van aan | factuur van"),
    names=table("naam | bedrijfsnaam"),
    business_ids=table("kvk | btw nr | btw nummer | kvk nummer"),
    pages=table("pagina | blad"),
)
