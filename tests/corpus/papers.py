"""The papers of the corpus: every number here is what a reader of the printed page would say it is."""

from __future__ import annotations

from tests.corpus.layouts import Paper

TAX = {"en": "Tax (0%)", "he": 'מע"מ 18%'}


def english(
    name: str, layout: str, tool: str, vendor: str, amount: str, currency: str, day: str, number: str, **shown: str
) -> Paper:
    return Paper(name, layout, tool, "en", vendor, amount, currency, day, number, {"taxlabel": "Tax", **shown})


def hebrew(name: str, layout: str, tool: str, vendor: str, amount: str, day: str, number: str, **shown: str) -> Paper:
    return Paper(name, layout, tool, "he", vendor, amount, "ILS", day, number, {"taxlabel": 'מע"מ 18%', **shown})


def european(
    name: str, tool: str, language: str, vendor: str, amount: str, currency: str, day: str, number: str, **shown: str
) -> Paper:
    return Paper(name, "european", tool, language, vendor, amount, currency, day, number, shown)


def sheet(name: str, language: str, facts: tuple[str, str, str, str, str], lines: str) -> Paper:
    return Paper(name, "sheet", "chromium", language, *facts, {"lines": lines})


def no_receipt(name: str, language: str, lines: str) -> Paper:
    return Paper(name, "sheet", "chromium", language, "", "", "", "", "", {"lines": lines}, is_receipt=False)


# `torn-gbp` is no paper of this list: Writer tore its columns apart, and no one can be sure of what it says.
PAPERS = [
    english(
        "stripe-usd",
        "stripe",
        "chromium",
        "Northwind Analytics, Inc.",
        "479.50",
        "USD",
        "2024-03-04",
        "42A5DE55-0071",
        total="$479.50",
        net="$479.50",
        tax="$0.00",
        unit="$68.50",
        item="Team plan",
        date="March 4, 2024",
        due="April 3, 2024",
    ),
    english(
        "stripe-usd-office",
        "stripe",
        "libreoffice",
        "Brightlake Software, Inc.",
        "1250.00",
        "USD",
        "2023-11-12",
        "7C1B09EF-0012",
        total="$1,250.00",
        net="$1,150.00",
        tax="$100.00",
        unit="$164.29",
        item="Seats",
        date="November 12, 2023",
        due="November 12, 2023",
    ),
    english(
        "stripe-eur",
        "stripe",
        "chromium",
        "Lumen Cloud Ltd",
        "119.00",
        "EUR",
        "2024-06-30",
        "INV-2024-0630",
        total="€119.00",
        net="€100.00",
        tax="€19.00",
        taxlabel="VAT (19%)",
        unit="€14.29",
        item="Storage",
        date="June 30, 2024",
        due="July 14, 2024",
    ),
    english(
        "aws-usd",
        "aws",
        "chromium",
        "Stratus Web Services, Inc.",
        "2014.37",
        "USD",
        "2024-09-02",
        "1482930147",
        total="USD 2,014.37",
        net="USD 2,014.37",
        tax="USD 0.00",
        date="September 2, 2024",
        due="September 2, 2024",
        period="August 1 - August 31, 2024",
    ),
    english(
        "aws-usd-office",
        "aws",
        "libreoffice",
        "Stratus Web Services, Inc.",
        "88.02",
        "USD",
        "2024-02-03",
        "EUINGB24-118273",
        total="$88.02",
        net="$73.35",
        tax="$14.67",
        taxlabel="VAT",
        date="February 3, 2024",
        due="February 3, 2024",
        period="January 1 - January 31, 2024",
    ),
    english(
        "quickbooks-gbp",
        "quickbooks",
        "chromium",
        "Harrow & Finch Limited",
        "1728.00",
        "GBP",
        "2024-05-17",
        "10482",
        total="£1,728.00",
        net="£1,440.00",
        tax="£288.00",
        taxlabel="VAT @ 20%",
        unit="£120.00",
        item="Consulting",
        date="17/05/2024",
        due="16/06/2024",
    ),
    english(
        "quickbooks-gbp-office",
        "quickbooks",
        "libreoffice",
        "Ashdown Print Ltd",
        "96.60",
        "GBP",
        "2024-10-09",
        "A-2291/24",
        total="£96.60",
        net="£80.50",
        tax="£16.10",
        taxlabel="VAT @ 20%",
        unit="£6.71",
        item="Flyers",
        date="09/10/2024",
        due="08/11/2024",
    ),
    english(
        "receipt-usd",
        "receipt",
        "chromium",
        "Papertrail Press",
        "35.97",
        "USD",
        "2024-01-22",
        "2388-0417",
        total="$35.97",
        net="$33.00",
        tax="$2.97",
        item="Monthly reader",
        date="Jan 22, 2024",
    ),
    english(
        "receipt-gbp",
        "receipt",
        "libreoffice",
        "Kestrel Hosting",
        "14.40",
        "GBP",
        "2024-08-05",
        "KH-550183",
        total="£14.40",
        net="£12.00",
        tax="£2.40",
        item="Domain renewal",
        date="5 August 2024",
    ),
    hebrew(
        "green-ils",
        "green_invoice",
        "chromium",
        'אורן מערכות בע"מ',
        "1404.20",
        "2024-04-11",
        "50217",
        total="₪1,404.20",
        net="₪1,190.00",
        tax="₪214.20",
        unit="₪238.00",
        item="ייעוץ טכני",
        date="11/04/2024",
    ),
    hebrew(
        "green-ils-office",
        "green_invoice",
        "libreoffice",
        'גל ים הפקות בע"מ',
        "590.00",
        "2024-12-01",
        "100834",
        total='590.00 ש"ח',
        net='500.00 ש"ח',
        tax='90.00 ש"ח',
        unit='100.00 ש"ח',
        item="צילום",
        date="01/12/2024",
    ),
    hebrew(
        "green-ils-large",
        "green_invoice",
        "chromium",
        'תבור הנדסה בע"מ',
        "23600.00",
        "2023-07-19",
        "2023771",
        total="23,600.00 ₪",
        net="20,000.00 ₪",
        tax="3,600.00 ₪",
        unit="4,000.00 ₪",
        item="תכנון",
        date="19.07.2023",
    ),
    hebrew(
        "icount-ils",
        "icount",
        "chromium",
        "דנה לוי עיצוב",
        "350.00",
        "2024-02-28",
        "7741",
        total="350.00 ₪",
        item="עיצוב לוגו",
        date="28/02/2024",
    ),
    hebrew(
        "icount-ils-office",
        "icount",
        "libreoffice",
        "מאפיית השכונה",
        "84.90",
        "2024-09-15",
        "31209",
        total='84.90 ש"ח',
        item="הזמנת מאפים",
        date="15/09/2024",
    ),
    european(
        "de-eur",
        "chromium",
        "de",
        "Weber Maschinenbau GmbH",
        "1479.50",
        "EUR",
        "2024-03-15",
        "RE-2024-0192",
        total="1.479,50 €",
        net="1.243,28 €",
        tax="236,22 €",
        taxlabel="MwSt. 19 %",
        item="Wartung",
        itemlabel="Bezeichnung",
        date="15.03.2024",
        due="14.04.2024",
    ),
    european(
        "de-chf",
        "libreoffice",
        "de",
        "Alpenblick AG",
        "1479.50",
        "",
        "2024-07-01",
        "20240701-3",
        total="CHF 1'479.50",
        net="CHF 1'368.64",
        tax="CHF 110.86",
        taxlabel="MWST 8.1%",
        item="Beratung",
        itemlabel="Leistung",
        date="1. Juli 2024",
        due="31. Juli 2024",
    ),
    european(
        "nl-eur",
        "chromium",
        "nl",
        "De Vries Fietsen B.V.",
        "302.50",
        "EUR",
        "2024-05-06",
        "F2024-0556",
        total="€ 302,50",
        net="€ 250,00",
        tax="€ 52,50",
        taxlabel="21% btw",
        item="Onderhoud",
        itemlabel="Omschrijving",
        date="06-05-2024",
        due="05-06-2024",
    ),
    european(
        "fr-eur",
        "libreoffice",
        "fr",
        "Boulangerie Martin SARL",
        "1479.50",
        "EUR",
        "2024-02-09",
        "FA-2024-117",
        total="1 479,50 EUR",
        net="1 232,92 EUR",
        tax="246,58 EUR",
        taxlabel="TVA 20 %",
        item="Buffet",
        itemlabel="Désignation",
        date="9 février 2024",
        due="10 mars 2024",
    ),
    european(
        "es-eur",
        "chromium",
        "es",
        "Talleres Ibarra S.L.",
        "847.00",
        "EUR",
        "2024-11-20",
        "2024/0387",
        total="847,00 €",
        net="700,00 €",
        tax="147,00 €",
        taxlabel="IVA 21 %",
        item="Reparación",
        itemlabel="Concepto",
        date="20/11/2024",
        due="20/12/2024",
    ),
    european(
        "it-eur",
        "libreoffice",
        "it",
        "Officine Rossi S.r.l.",
        "1220.00",
        "EUR",
        "2024-06-03",
        "154/2024",
        total="€ 1.220,00",
        net="€ 1.000,00",
        tax="€ 220,00",
        taxlabel="IVA 22%",
        item="Lavorazione",
        itemlabel="Descrizione",
        date="03/06/2024",
        due="03/07/2024",
    ),
    # Typeset: ReportLab puts every cell where it belongs by coordinates, TeX breaks words into ligatures.
    english(
        "reportlab-usd",
        "table",
        "reportlab",
        "Meridian Freight LLC",
        "3310.75",
        "USD",
        "2024-04-26",
        "MF-88213",
        total="3,310.75",
        net="3,065.51",
        tax="245.24",
        item="Ocean freight",
        date="04/26/2024",
        due="05/26/2024",
    ),
    english(
        "reportlab-credit",
        "credit",
        "reportlab",
        "Meridian Freight LLC",
        "-479.50",
        "USD",
        "2024-05-02",
        "CN-0042",
        total="($479.50)",
        net="($479.50)",
        tax="$0.00",
        item="Overcharge",
        date="May 2, 2024",
        due="",
    ),
    english(
        "xelatex-eur",
        "letter",
        "xelatex",
        "Officium Typesetting Ltd",
        "642.18",
        "EUR",
        "2024-01-08",
        "OT/24/008",
        total="EUR 642.18",
        net="EUR 530.73",
        tax="EUR 111.45",
        item="Affiliate fittings",
        date="8 January 2024",
        due="22 January 2024",
    ),
    # Faults that were found in mail: each paper has one of them.
    sheet(
        "quantity-before-total",
        "en",
        ("Harbour Tools LLC", "479.50", "USD", "2024-03-04", "HT-20931"),
        """
        Harbour Tools LLC
        88 Pier Avenue, Oakland, CA 94607
        INVOICE HT-20931
        Invoice date | March 4, 2024
        Due date | February 28, 2025
        Bill to: Kolman Trading Ltd
        Item | Qty | Amount
        Clamps | 7 | $479.50
        Total | 7 | $479.50
        """,
    ),
    sheet(
        "earlier-price",
        "en",
        ("Harbour Tools LLC", "400.00", "USD", "2024-03-05", "HT-20932"),
        """
        Harbour Tools LLC
        INVOICE HT-20932
        Invoice date | March 5, 2024
        Bill to: Kolman Trading Ltd
        Clamps | $479.50 | $400.00
        Total | $479.50 | $400.00
        You saved $79.50
        """,
    ),
    sheet(
        "paid-in-part",
        "en",
        ("Cedar Kitchens Ltd", "1500.00", "GBP", "2024-06-03", "CK/118"),
        """
        Cedar Kitchens Ltd
        2 Foundry Lane, Sheffield
        Invoice number: CK/118
        Date: 03/06/2024 | Due date: 17/06/2024
        Customer: Kolman Trading Ltd
        Subtotal | £1,250.00
        VAT 20% | £250.00
        Total | £1,500.00
        Deposit paid | £500.00
        Balance due | £1,000.00
        """,
    ),
    sheet(
        "american-day",
        "en",
        ("Mesa Print Co.", "88.40", "USD", "2024-03-04", "55102"),
        """
        Mesa Print Co.
        910 W Main St, Mesa, AZ 85201
        Invoice No. 55102
        Date 03/04/2024 | Terms Net 30 | Due 04/03/2024
        Bill to: Kolman Trading Ltd, 12 Harbour Road
        Posters 20 | $81.85
        Sales tax 8% | $6.55
        TOTAL | $88.40
        Balance due | $0.00
        """,
    ),
    sheet(
        "platform",
        "he",
        ('רימון שיווק בע"מ', "702.00", "ILS", "2024-05-12", "30044"),
        """
        רימון שיווק בע"מ
        ח.פ. 515022334
        חשבונית מס קבלה מספר 30044
        לכבוד: קולמן סחר בע"מ
        תאריך הפקה: 12/05/2024
        מועד תשלום: 30/06/2024
        סה"כ לפני מע"מ | ₪600.00
        מע"מ 17% | ₪102.00
        סה"כ לתשלום | ₪702.00
        הופק באמצעות חשבונית ירוקה בע"מ - מורנינג
        """,
    ),
    sheet(
        "instalments",
        "he",
        ('רימון שיווק בע"מ', "300.00", "ILS", "2024-05-13", "30045"),
        """
        רימון שיווק בע"מ
        ח.פ. 515022334
        חשבונית מס קבלה מספר 30045
        לכבוד: קולמן סחר בע"מ
        תאריך: 13/05/2024
        סה"כ לתשלום | 3 תשלומים | ₪100.00 | ₪300.00
        """,
    ),
    sheet(
        "refund-ils",
        "he",
        ('רימון שיווק בע"מ', "-234.00", "ILS", "2024-05-20", "7003"),
        """
        רימון שיווק בע"מ
        ח.פ. 515022334
        חשבונית מס זיכוי מספר 7003
        לכבוד: קולמן סחר בע"מ
        תאריך: 20/05/2024
        אסמכתא: חשבונית 30044
        סה"כ לפני מע"מ | ₪200.00
        מע"מ 17% | ₪34.00
        סה"כ | ₪234.00
        """,
    ),
    sheet(
        "refund-eur",
        "de",
        ("Weber Maschinenbau GmbH", "-119.00", "EUR", "2024-04-02", "RK-2024-011"),
        """
        Weber Maschinenbau GmbH | Hauptweg 21 | 10115 Berlin
        Rechnungskorrektur Nr. RK-2024-011
        Datum: 02.04.2024 | Kunde: Kolman Trading Ltd
        Zu Rechnung RE-2024-0192 vom 15.03.2024
        Nettobetrag | 100,00 €
        MwSt. 19 % | 19,00 €
        Gesamtbetrag | 119,00 €
        """,
    ),
    sheet(
        "two-languages",
        "en",
        ("Galil Optics Ltd.", "1180.00", "ILS", "2024-07-09", "2024-0711"),
        """
        Galil Optics Ltd.
        Tax Invoice / חשבונית מס
        Invoice No. 2024-0711 | מספר חשבונית
        Date: 09/07/2024 | תאריך: 09/07/2024
        Bill to: Kolman Trading Ltd
        Subtotal | ₪1,000.00
        VAT 18% | ₪180.00
        Total due | ₪1,180.00
        """,
    ),
    sheet(
        "de-swiss",
        "de",
        ("Alpenblick AG", "1479.50", "", "2024-07-03", "20240703-1"),
        """
        Alpenblick AG | Seestrasse 4 | 8002 Zürich
        Rechnung Nr. 20240703-1
        Rechnungsdatum: 3. Juli 2024 | Zahlbar bis 2. August 2024
        Kunde: Kolman Trading Ltd
        Nettobetrag | 1'368.64 CHF
        MWST 8.1% | 110.86 CHF
        Rechnungsbetrag | 1'479.50 CHF
        """,
    ),
    sheet(
        "fr-printed",
        "fr",
        ("Atelier Dumont SARL", "2214.60", "EUR", "2024-01-18", "F-2024-031"),
        """
        Atelier Dumont SARL
        SIRET 81234567800015
        Facture n° F-2024-031
        Date de facture : 18 janvier 2024 | Date d'échéance : 17 février 2024
        Client : Kolman Trading Ltd
        Total HT | 1 845,50 €
        TVA 20 % | 369,10 €
        Net à payer | 2 214,60 €
        """,
    ),
    sheet(
        "it-printed",
        "it",
        ("Officine Rossi S.r.l.", "1220.00", "EUR", "2024-06-03", "154/2024"),
        """
        Officine Rossi S.r.l. | P.IVA 01234567890
        Fattura n. 154/2024 del 03/06/2024
        Spett.le Kolman Trading Ltd
        Imponibile | € 1.000,00
        IVA 22% | € 220,00
        Totale documento | € 1.220,00
        Scadenza 03/07/2024
        """,
    ),
    no_receipt(
        "quote-usd", "en", "Harbour Tools LLC\nQUOTE Q-7710\nDate: March 4, 2024\nTotal | $479.50\nValid 30 days."
    ),
    no_receipt("quote-ils", "he", 'רימון שיווק בע"מ\nהצעת מחיר מספר 881\nתאריך: 12/05/2024\nסה"כ | ₪702.00'),
    no_receipt(
        "reminder-eur",
        "de",
        "Weber Maschinenbau GmbH\nZahlungserinnerung\nDatum: 30.04.2024\nRechnung RE-2024-0192 ist noch offen.\n"
        "Gesamtbetrag | 1.479,50 €",
    ),
]
