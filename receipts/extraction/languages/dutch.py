"""Dutch."""

from __future__ import annotations

from typing import Final

from .language import Language, split_months, split_table

DUTCH: Final = Language(
    final_totals=split_table(
        "totaalbedrag | factuurbedrag | factuur totaal | totaal factuur | totaal incl* | totaal inclusief*",
        "totaal (incl* | bedrag incl* | bedrag inclusief* | eindtotaal | eindbedrag | totale bedrag",
    ),
    payments=split_table(
        "totaal te betalen | te betalen | te betalen bedrag | totaal te voldoen | te voldoen | totaal betaald",
        "betaald bedrag | openstaand bedrag | verschuldigd bedrag | afgeschreven bedrag | u heeft betaald",
        "je hebt betaald",
    ),
    totals=split_table("totaal | bedrag | som"),
    other_totals=split_table(
        "subtotaal | sub totaal | subtotaal ex* | totaal excl* | totaal exclusief* | totaal ex* | totaal (excl*",
        "bedrag excl* | bedrag exclusief* | exclusief btw | excl btw | totaal btw | btw bedrag | totaal netto",
        "nettobedrag | netto bedrag | grondslag | totaal korting | vorig saldo",
    ),
    taxes=split_table("btw"),
    refund_totals=split_table(
        "terugbetaald bedrag | terug te ontvangen | totaal creditnota | creditbedrag | gecrediteerd bedrag",
    ),
    deposits=split_table("aanbetaling* | voorschot* | reeds betaald | vooruitbetaald"),
    currency_labels=split_table("valuta"),
    receipts=split_table(
        "*factuur | facturen | factuur nummer | factuur nr | kassabon | aankoopbon | kwitantie | betaalbewijs",
        "betalingsbevestiging | betaalbevestiging | orderbevestiging | bestelbevestiging | uw bestelling",
        "je bestelling | creditnota | terugbetaling",
    ),
    credit_notes=split_table("creditnota | creditfactuur | credit nota | terugbetaling"),
    charges=split_table(
        "u heeft betaald | je hebt betaald | je hebt een betaling* | u heeft een betaling* | betaling aan",
        "is afgeschreven | is verlengd | verlenging van*",
    ),
    quotes=split_table("offerte | prijsopgave | pro forma factuur | proforma factuur | proforma"),
    reminders=split_table(
        "herinnering | betalingsherinnering | aanmaning | openstaande factu* | onbetaalde factu* | vervallen factu*",
        "rekeningoverzicht",
    ),
    failures=split_table(
        "betaling mislukt | betaling is mislukt | mislukte betaling | betaling geweigerd | betaling is geweigerd",
        "incasso mislukt | konden niet afschrijven",
    ),
    failure_subjects=split_table("probleem met je betaling | probleem met uw betaling"),
    acknowledgements=split_table(
        "uw factuur ontvangen | je factuur ontvangen | uw factuur is ontvangen | ontvangst van uw factuur",
        "bedankt voor uw factuur | uw factuur in goede orde ontvangen",
    ),
    quoting=split_table("schreef: | oorspronkelijk bericht"),
    quoted_headers=split_table("verzonden:"),
    issue_dates=split_table(
        "factuurdatum | factuur datum | datum factuur | uitgiftedatum | datum van uitgifte | betaaloverzichtdatum",
    ),
    payment_dates=split_table("betaaldatum | betaald op | aankoopdatum | datum betaling"),
    order_dates=split_table("orderdatum | besteldatum"),
    dates=split_table("datum"),
    other_dates=split_table(
        "vervaldatum | vervalt op | uiterste betaaldatum | te betalen voor | betalen voor | leverdatum | verzenddatum",
        "periode | geldig tot | tot en met | tot | geboortedatum",
    ),
    months=split_months(
        "januari | februari | maart mrt | april | mei | juni | juli | augustus | september | oktober | november",
        "december",
    ),
    invoice_numbers=split_table("*factuur | factuur nummer | factuur nr | creditnota | creditnota nummer"),
    receipt_numbers=split_table("bon | bon nummer | kwitantie | kwitantie nummer"),
    document_numbers=split_table("document"),
    other_numbers=split_table(
        "order | order nummer | bestel nummer | bestelling | transactie | betaaloverzicht nummer",
    ),
    number_marks=split_table("nummer | nr | no"),
    sellers=split_table("verkoper | leverancier | verkocht door | betaling aan"),
    customers=split_table("klant* | factuuradres | afleveradres | factureren aan | ontvanger | koper* | t.a.v"),
    payees=split_table("betaling aan | betaling van aan | factuur van"),
    names=split_table("naam | bedrijfsnaam"),
    business_ids=split_table("kvk | btw nr | btw nummer | kvk nummer"),
    pages=split_table("pagina | blad"),
)
