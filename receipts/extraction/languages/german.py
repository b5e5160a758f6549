"""German."""

from __future__ import annotations

from typing import Final

from .language import Language, split_months, split_table

GERMAN: Final = Language(
    final_totals=split_table(
        "gesamtbetrag | gesamtbetrag brutto | gesamtbetrag inkl* | gesamtsumme | rechnungsbetrag | rechnungssumme",
        "rechnungsendbetrag | rechnungsgesamtbetrag | rechnungsbeitrag | endbetrag | endsumme | bruttobetrag",
        "bruttosumme | gesamt brutto | summe brutto | total brutto | brutto | gesamt inkl* | summe inkl*",
        "total inkl* | betrag inkl* | gesamtpreis inkl*",
    ),
    payments=split_table(
        "zahlbetrag | zahlungsbetrag | zu zahlen | zu zahlender betrag | zu zahlender rechnungsbetrag",
        "noch zu zahlen | zu überweisen | überweisungsbetrag | fälliger betrag | betrag fällig | offener betrag",
        "offener rechnungsbetrag | gezahlter betrag | bezahlter betrag | abgebuchter betrag | forderungsbetrag",
    ),
    totals=split_table("gesamt | summe | total | betrag | gesamtpreis"),
    other_totals=split_table(
        "zwischensumme | netto | nettobetrag | nettosumme | nettowert | warenwert | gesamt netto | gesamtbetrag netto",
        "gesamtsumme netto | summe netto | total netto | rechnungssumme ohne* | rechnungsbetrag ohne*",
        "rechnungsbetrag netto | gesamtbetrag ohne* | gesamt ohne* | summe ohne* | gesamt exkl* | summe exkl*",
        "total exkl* | gesamtbetrag der* | summe der* | summe mwst | summe ust | summe umsatzsteuer | mwst betrag",
        "ust betrag | umsatzsteuerbetrag | steuerbetrag | steuerbasisbetrag | basisbetrag | grundbetrag",
        "skontobetrag | rabattbetrag | positionssumme | summe positionen | übertrag | teilzahlung* | gesamtmenge",
        "gesamtgewicht | mahnbetrag | einzelbetrag | zeilenbetrag | kontostand | gesamtbeitrag",
    ),
    taxes=split_table("mwst* | ust | umsatzsteuer* | mehrwertsteuer* | versicherungsteuer | versicherungssteuer"),
    refund_totals=split_table(
        "gutschriftsbetrag | gutschriftbetrag | erstattungsbetrag | erstatteter betrag | rückerstattung*",
    ),
    deposits=split_table("anzahlung* | abschlag | abschlagszahlung* | vorauszahlung* | erhaltene anzahlungen"),
    currency_labels=split_table("währung | rechnungswährung"),
    receipts=split_table(
        "*rechnung | rechnungskorrektur | rechnungs nummer | rechnungs nr | quittung* | zahlungsbeleg* | kassenbon",
        "kassenbeleg | kaufbeleg | zahlungsbestätigung | bestellbestätigung | auftragsbestätigung | ihre bestellung",
        "gutschrift | rückerstattung",
    ),
    credit_notes=split_table("rechnungskorrektur | korrekturrechnung | stornorechnung | rückerstattung | erstattung"),
    unclear_credits=split_table("gutschrift"),
    charges=split_table(
        "sie haben bezahlt | sie haben eine zahlung* | zahlung an | ihre zahlung an | wurde abgebucht",
        "wurde belastet | wurde verlängert | verlängerung ihres abonnements | abonnement verlängert",
    ),
    quotes=split_table("angebot | kostenvoranschlag | offerte | proforma rechnung | proformarechnung | preisangebot"),
    reminders=split_table(
        "zahlungserinnerung | mahnung | erinnerung | letzte mahnung | überfällig* | offene rechnung*",
        "unbezahlte rechnung* | offene posten | kontoauszug",
    ),
    failures=split_table(
        "zahlung fehlgeschlagen | zahlung ist fehlgeschlagen | zahlung wurde abgelehnt | zahlung abgelehnt",
        "fehlgeschlagene zahlung | konnte nicht abgebucht werden | konnten wir nicht abbuchen",
        "lastschrift zurückgegeben | zahlung konnte nicht* | rücklastschrift",
    ),
    failure_subjects=split_table("zahlungsproblem"),
    acknowledgements=split_table(
        "ihre rechnung erhalten | ihre rechnung haben wir erhalten | ihre rechnung ist eingegangen",
        "ihre rechnung wurde empfangen | eingang ihrer rechnung | vielen dank für ihre rechnung",
        "danke für ihre rechnung | ihre rechnung ist bei uns eingegangen",
    ),
    quoting=split_table("schrieb: | ursprüngliche nachricht | originalnachricht"),
    quoted_headers=split_table("gesendet:"),
    issue_dates=split_table(
        "rechnungsdatum | datum der rechnung | ausstellungsdatum | ausgestellt am | belegdatum | dokumentdatum",
        "rechnung vom | gutschriftsdatum | rechnungs datum",
    ),
    payment_dates=split_table("zahlungsdatum | bezahlt am | kaufdatum"),
    order_dates=split_table("bestelldatum | bestellt am | auftragsdatum"),
    dates=split_table("datum"),
    weak_dates=split_table("vom | den"),
    other_dates=split_table(
        "fällig | fällig am | fällig bis | fälligkeit | fälligkeitsdatum | zahlbar bis | zahlbar bis zum | zahlbar",
        "zahlung bis | zu zahlen bis | bis zum | bis | von | am | ab dem | lieferdatum | liefertermin",
        "leistungsdatum | liefer und leistungsdatum | leistungszeitraum | abrechnungszeitraum | lieferschein datum",
        "lieferscheindatum | bestell datum | zeitraum | gültig bis | geburtsdatum | druckdatum | stand | version",
        "anreise | abreise",
    ),
    months=split_months(
        "januar jänner | februar | märz mär | april | mai | juni | juli | august | september | oktober okt | november",
        "dezember dez",
    ),
    invoice_numbers=split_table(
        "*rechnung | *rechnungs nummer | *rechnungs nr | rechnungs id | rechnungskorrektur | gutschrift",
        "gutschrifts nummer | gutschrifts nr | beleg | beleg nummer | beleg nr",
    ),
    receipt_numbers=split_table("quittung | quittungs nummer | quittungs nr | bon | bon nr"),
    document_numbers=split_table("dokument | dokumenten"),
    other_numbers=split_table(
        "bestell nummer | bestell nr | bestellung | auftrags nummer | auftrags nr | auftrag | vorgangs nummer",
        "dokument nummer | transaktions nummer | transaktions id",
    ),
    number_marks=split_table("nummer | nr | num | no"),
    sellers=split_table("verkäufer | lieferant | rechnungssteller | anbieter | leistungserbringer | zahlung an"),
    customers=split_table(
        "kunde | kunden* | käufer* | rechnungsempfänger | rechnung an | rechnungsadresse | rechnungsanschrift",
        "lieferadresse | lieferanschrift | empfänger | warenempfänger | leistungsempfänger | abweichender* | herrn",
        "frau | an",
    ),
    payees=split_table("zahlung an | zahlung von an | rechnung von | quittung von"),
    names=split_table("name | firma"),
    business_ids=split_table(
        "ust idnr | ust.-idnr | ust.-id.-nr | ust id nr | steuernummer | steuer nr | hrb | handelsregister | uid",
    ),
    pages=split_table("seite | blatt"),
)
