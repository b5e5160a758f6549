"""What receipts and the mail around them say in each language, as data: a language more is an entry more.

A space in a phrase stands for a space, a hyphen, a slash or nothing; a star for the rest of a word. Accents and case
don't matter. `receipts.labels` makes patterns of them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

Phrases = tuple[str, ...]


def _list(*lines: str) -> Phrases:
    """The phrases of a table, which bars part."""
    return tuple(phrase for line in lines for phrase in line.split(" | "))


def _months(*lines: str) -> tuple[Phrases, ...]:
    """The names of each month, short ones after the long."""
    return tuple(tuple(names.split()) for names in _list(*lines))


@dataclass(frozen=True)
class Language:
    """The phrases of one language, by what they announce.

    Sums: `final_totals` is all that a document asks for, tax included; `payments` what is due or was paid of it,
    `deposits` what was paid before; `totals` may be either, or the sum of anything; `other_totals` are sums of
    something else, though they may call themselves a total.

    Days: `issue_dates` of the document, `payment_dates` and `order_dates` of what it is about, `other_dates` such as
    the day it is due.
    """

    # Letters that may be written together with a word, before it.
    prefix: str = ""
    final_totals: Phrases = ()
    payments: Phrases = ()
    totals: Phrases = ()
    other_totals: Phrases = ()
    taxes: Phrases = ()
    refund_totals: Phrases = ()
    deposits: Phrases = ()
    currency_labels: Phrases = ()
    # Said where a dollar is not American.
    other_dollars: Phrases = ()

    receipts: Phrases = ()
    credit_notes: Phrases = ()
    # May be a credit note or something else.
    unclear_credits: Phrases = ()
    charges: Phrases = ()
    quotes: Phrases = ()
    reminders: Phrases = ()
    failures: Phrases = ()
    # Said in a subject only: below, receipts speak of what may happen.
    failure_subjects: Phrases = ()
    acknowledgements: Phrases = ()
    # How a mail program introduces what is quoted below.
    quoting: Phrases = ()
    # How a line of the quoted mail's own headers begins.
    quoted_headers: Phrases = ()

    issue_dates: Phrases = ()
    payment_dates: Phrases = ()
    order_dates: Phrases = ()
    dates: Phrases = ()
    # Words that announce a day and much else.
    weak_dates: Phrases = ()
    other_dates: Phrases = ()
    months: tuple[Phrases, ...] = ()

    invoice_numbers: Phrases = ()
    receipt_numbers: Phrases = ()
    # Of the paper itself, whatever it is.
    document_numbers: Phrases = ()
    other_numbers: Phrases = ()
    number_marks: Phrases = ()

    sellers: Phrases = ()
    customers: Phrases = ()
    # What a subject says before the name of who was paid.
    payees: Phrases = ()
    # What stands before a name.
    names: Phrases = ()
    # Numbers that a business has and a person doesn't.
    business_ids: Phrases = ()
    # What a page calls itself before its number.
    pages: Phrases = ()


ENGLISH: Final = Language(
    final_totals=_list(
        "grand total | invoice total | invoice amount | invoice amt | order total | job total | total amount",
        "total price | total charges | total cost | total for this invoice | total invoice | total incl*",
        "total including* | total inc* | total (incl* | total (including* | total (inc* | amount incl* | gross total",
        "gross total amount | total gross | gross amount",
    ),
    payments=_list(
        "total due | total due this invoice | total amount due | total amount payable | total amount paid",
        "total amount charged | total balance due | your total due | total paid | total charged | total to pay",
        "total payable | total payment | payment total | payment amount | amount due | amount paid | amount charged",
        "amount payable | amount received | balance due | please pay | you paid | you've paid | you sent | we charged",
        "we've charged | was charged | been charged",
    ),
    totals=_list("total | totals | amount"),
    other_totals=_list(
        "sub total | job sub total | items sub total | total before* | amount before* | total vat | total tax*",
        "total gst | total discount* | total savings | total saved | total items | total hours | total quantity",
        "total qty | total units | total weight | total pages | total net | total excl* | total excluding*",
        "total (excl* | total (excluding* | total (net* | total (before* | total without* | total ex*",
        "total shipping | shipping total | total credits | total fees | total points | total account | item total",
        "line total | line total amount | net total amount | vat amount | vat total | tax amount | tax total",
        "tax included in total | included in total | taxable amount | discount amount | discount total | net total",
        "net amount | previous balance | previous amount | amount enclosed | amount saved | account balance",
        "past due balance | credit limit | contract amount | total contract | unit amount | minimum amount",
        "original amount | add to total | withdrawal amount | total in words | amount in words",
    ),
    taxes=_list("vat | tax | sales tax | gst | hst | pst | qst"),
    refund_totals=_list(
        "total credit | credit total | credit amount | amount credited | amount refunded | refund amount",
        "refund total | total refund* | refunded amount | refunded | total amount refunded | total amount credited",
        "you received a refund of",
    ),
    deposits=_list(
        "deposit* | prepayment* | prepaid | advance payment* | previously paid | credit applied | credits applied",
    ),
    currency_labels=_list("currency | invoice currency"),
    other_dollars=_list(
        "abn | acn | nzbn | hst | qst | gst no | gst number | gst reg* | gst (10%) | gst 10% | gst 15% | gst 9%",
        "total gst | gst amount | includes gst | including gst | inc gst | incl gst | plus gst",
    ),
    receipts=_list(
        "tax invoice* | invoice* | receipt* | order confirmation* | payment confirmation* | payment received",
        "confirmation of payment | your order* | proof of purchase | billing statement | credit note* | credit memo*",
        "refund*",
    ),
    credit_notes=_list("credit note | credit memo | credit invoice | credit memorandum | refund | refund receipt"),
    charges=_list(
        "you paid | you've paid | you sent a payment | you've sent a payment | you authorized a payment",
        "you authorised a payment | you've authorized a payment | you've authorised a payment | your payment to",
        "your payment of | payment to | we charged | we've charged | was charged | were charged | been charged",
        "subscription renewed | subscription has been renewed | subscription was renewed | has been renewed",
        "was renewed | renewal notice | auto renewal",
    ),
    quotes=_list(
        "quote | quotation | price quote | estimate | proforma | pro forma | pro forma invoice | proforma invoice",
        "proposal | offer",
    ),
    reminders=_list(
        "payment reminder | reminder | friendly reminder | overdue | past due | invoice overdue",
        "outstanding invoice* | unpaid invoice* | final notice | statement of account | is due soon | is due in",
    ),
    failures=_list(
        "payment failed | failed payment | payment was declined | payment declined | payment has been declined",
        "card declined | card was declined | payment unsuccessful | payment was unsuccessful | unsuccessful payment",
        "unable to process your payment | couldn't process your payment | could not process your payment",
        "we were unable to charge | we couldn't charge | payment could not be processed",
        "payment didn't go through | payment did not go through",
        "payment method was declined",
    ),
    failure_subjects=_list(
        "update your payment | billing problem | problem with your payment | invoice received",
        "receipt of your invoice*",
    ),
    acknowledgements=_list(
        "received your invoice* | your invoice has been received",
        "your invoice was received | your invoice has been registered | your invoice is being processed",
        "thank you for your invoice | thanks for your invoice | thank you for submitting your invoice",
        "your invoice has been approved",
    ),
    quoting=_list("wrote: | original message | begin forwarded message"),
    quoted_headers=_list("sent:"),
    issue_dates=_list(
        "invoice date | date of invoice | invoice issue date | issue date | issued date | date of issue | date issued",
        "issued on | issued | receipt date | date of receipt | bill date | billing date | statement date",
        "credit note date | credit memo date | document date | date created | created | tax date",
    ),
    payment_dates=_list(
        "payment date | date paid | date of payment | paid on | paid at | purchase date | date of purchase",
        "purchased on | transaction date | date of transaction | charged on | sent on | refunded on | date refunded",
    ),
    order_dates=_list("order date | order placed | ordered on"),
    dates=_list("date | dated"),
    other_dates=_list(
        "due | due date | date due | due on | due by | payment due | payment due date | pay by | expiry date",
        "expiration date | expires* | expiry | valid until | valid through | delivery date | date of delivery",
        "delivery | delivered on | shipped on | ship date | shipping date | renews* | renewal date",
        "next billing date | next payment | next charge | period | billing period | service period | from | until",
        "through | between | print date | printed on | date of supply | service date | check in | check out",
        "date of birth",
    ),
    months=_months(
        "january jan | february feb | march mar | april apr | may | june jun | july jul | august aug",
        "september sept sep | october oct | november nov | december dec",
    ),
    invoice_numbers=_list("tax invoice | invoice | bill | credit note | credit memo"),
    receipt_numbers=_list("receipt | refund"),
    document_numbers=_list("document"),
    other_numbers=_list("order | transaction | confirmation | reference"),
    number_marks=_list("number | num | no | nr | id | reference | ref | n° | code"),
    sellers=_list(
        "vendor | vendor name | seller | merchant | supplier | sold by | bill from | billed from | invoice from",
        "issued by | receipt from | payment to | your payment to | from",
    ),
    customers=_list(
        "bill to | billed to | bill to address | sold to | ship to | shipped to | invoice to | customer* | client*",
        "buyer* | attn | attention | to | recipient | billing address | shipping address | delivery address",
        "submitted to | guest* | billing contact | technical contact | licensed to | cardholder*",
    ),
    payees=_list(
        "payment to | payment of to | paid to | you paid to | receipt from | refund from | invoice from | order from",
        "purchase from | payment for",
    ),
    names=_list("name | company name | company | business name"),
    business_ids=_list(
        "vat no | vat number | vat registration* | vat id | tax id | company no | company number",
        "company registration* | abn | ein | gstin | registered in",
    ),
    pages=_list("page | pg"),
)

HEBREW: Final = Language(
    prefix="[הלבושמכ]{0,2}",
    final_totals=_list(
        'סה"כ כולל* | סה"כ כולל מע"מ | סה"כ חיוב | סה"כ חשבונית | סה"כ למסמך | סך הכל כולל* | סך הכול כולל*',
        "סכום כולל* | סכום העסקה | סכום החשבונית",
    ),
    payments=_list(
        'סה"כ לתשלום | סה"כ ששולם | סה"כ שולם | סה"כ בתשלום | סה"כ התקבל | סה"כ תקבולים | סך הכל לתשלום',
        "סך הכול לתשלום | סך הכל ששולם | סך הכול ששולם | סך לתשלום | סכום לתשלום | סכום ששולם | סכום החיוב | לתשלום",
        "יתרה לתשלום | חויבת בסך | שילמת | סכום התשלום",
    ),
    totals=_list('סה"כ | סך הכל | סך הכול | סכום'),
    other_totals=_list(
        'סה"כ לפני* | לפני מע"מ | לפני הנחה | סכום ביניים | סיכום ביניים | סה"כ ביניים | סה"כ ללא* | סך הכל ללא*',
        'סכום ללא* | ללא מע"מ | סה"כ מע"מ | סכום מע"מ | סה"כ הנחה | סה"כ הנחות | סכום ההנחה | סה"כ פריטים | סה"כ כמות',
        'סה"כ חייב* | סה"כ פטור | סכום חייב* | חסכת | יתרה קודמת | יתרת חשבון | סה"כ נטו',
    ),
    taxes=_list('מע"מ'),
    refund_totals=_list(
        'סה"כ זיכוי | סה"כ לזיכוי | סכום הזיכוי | סכום לזיכוי | סכום שהוחזר | סה"כ החזר | סכום ההחזר | זוכית בסך',
        "סך הזיכוי",
    ),
    deposits=_list("מקדמה | מקדמות | שולם קודם | תשלום קודם"),
    currency_labels=_list("מטבע"),
    receipts=_list(
        "חשבונית | חשבוניות | קבלה | קבלות | חשבון עסקה | אישור תשלום | אישור הזמנה | דרישת תשלום | זיכוי | החזר כספי",
    ),
    credit_notes=_list("חשבונית זיכוי | חשבונית מס זיכוי | הודעת זיכוי | זיכוי | החזר כספי | קבלת זיכוי"),
    charges=_list(
        "שילמת | חויבת | חויב כרטיס* | כרטיסך חויב | התשלום שלך | תשלום עבור | המנוי חודש | המנוי שלך חודש",
        "חידוש מנוי | חידוש המנוי | ביצעת תשלום",
    ),
    quotes=_list("הצעת מחיר | הצעה | חשבונית פרופורמה | פרופורמה | חשבון פרופורמה | אומדן"),
    reminders=_list(
        "תזכורת | תזכורת תשלום | תזכורת לתשלום | חשבוניות פתוחות | חוב פתוח | חוב שטרם שולם | טרם שולמה | לא שולמה",
        "פיגור בתשלום | דוח יתרות",
    ),
    failures=_list(
        "התשלום נכשל | תשלום נכשל | חיוב נכשל | החיוב נכשל | התשלום נדחה | העסקה נדחתה | כרטיס האשראי נדחה",
        "החיוב לא עבר | התשלום לא עבר | לא הצלחנו לחייב | לא הצלחנו לגבות",
    ),
    failure_subjects=_list("בעיה בתשלום | בעיה בחיוב"),
    acknowledgements=_list(
        "קיבלנו את החשבונית | קיבלנו את חשבונית* | קבלת החשבונית שלך | החשבונית שלך התקבלה | החשבונית שלכם התקבלה",
        "חשבוניתך התקבלה | החשבונית התקבלה | תודה על החשבונית",
    ),
    quoting=_list("כתב: | כתבה: | כתב/ה: | הודעה מקורית"),
    quoted_headers=_list("נשלח:"),
    issue_dates=_list(
        "תאריך הפקה | תאריך הפקת* | תאריך חשבונית | תאריך החשבונית | תאריך מסמך | תאריך המסמך | תאריך קבלה",
        "תאריך הקבלה | תאריך הנפקה | תאריך ההפקה | הופק בתאריך | הופקה בתאריך",
    ),
    payment_dates=_list(
        "תאריך תשלום | תאריך התשלום | תאריך עסקה | תאריך העסקה | תאריך רכישה | תאריך חיוב | תאריך החיוב | שולם בתאריך",
    ),
    order_dates=_list("תאריך הזמנה | תאריך ההזמנה"),
    dates=_list("תאריך"),
    other_dates=_list(
        "לתשלום עד | לתשלום עד יום | לשלם עד | מועד תשלום | מועד לתשלום | תאריך לתשלום | תאריך פירעון | תאריך פרעון",
        "פירעון | פרעון | תוקף | בתוקף עד | תאריך ערך | אספקה | תאריך אספקה | תקופה | תקופת* | החל מ* | עד",
        "חידוש הבא | החיוב הבא | תאריך לידה | הודפס בתאריך",
    ),
    months=_months(
        "ינואר ינו' | פברואר פבר' | מרץ מרס | אפריל אפר' | מאי | יוני | יולי | אוגוסט אוג' | ספטמבר ספט'",
        "אוקטובר אוק' | נובמבר נוב' | דצמבר דצמ'",
    ),
    invoice_numbers=_list(
        "חשבונית | חשבונית מס | חשבונית מס קבלה | חשבונית קבלה | חשבונית עסקה | חשבונית זיכוי | חשבונית מס זיכוי",
        "חשבון עסקה | הודעת זיכוי",
    ),
    receipt_numbers=_list("קבלה"),
    document_numbers=_list("מסמך"),
    other_numbers=_list("אסמכתא | הזמנה | עסקה | אישור"),
    number_marks=_list("מספר | מס' | מס | מס. | No"),
    sellers=_list("ספק | שם העסק | שם עסק | שם הספק | מאת | מוכר | המוכר | בית העסק | שם בית העסק"),
    customers=_list("לכבוד | לקוח | לקוחה | שם הלקוח | שם לקוח | פרטי לקוח | פרטי הלקוח | עבור | נמען | קונה | אל"),
    payees=_list("תשלום לטובת | שולם לטובת | קבלה מאת | חשבונית מאת | תשלום עבור"),
    names=_list("שם"),
    business_ids=_list("ח.פ | ח.פ. | עוסק מורשה | עוסק פטור | ע.מ | ע.מ. | מס' עוסק | ע.ר"),
    pages=_list("עמוד | דף | עמ'"),
)

GERMAN: Final = Language(
    final_totals=_list(
        "gesamtbetrag | gesamtbetrag brutto | gesamtbetrag inkl* | gesamtsumme | rechnungsbetrag | rechnungssumme",
        "rechnungsendbetrag | rechnungsgesamtbetrag | rechnungsbeitrag | endbetrag | endsumme | bruttobetrag",
        "bruttosumme | gesamt brutto | summe brutto | total brutto | brutto | gesamt inkl* | summe inkl*",
        "total inkl* | betrag inkl* | gesamtpreis inkl*",
    ),
    payments=_list(
        "zahlbetrag | zahlungsbetrag | zu zahlen | zu zahlender betrag | zu zahlender rechnungsbetrag",
        "noch zu zahlen | zu überweisen | überweisungsbetrag | fälliger betrag | betrag fällig | offener betrag",
        "offener rechnungsbetrag | gezahlter betrag | bezahlter betrag | abgebuchter betrag | forderungsbetrag",
    ),
    totals=_list("gesamt | summe | total | betrag | gesamtpreis"),
    other_totals=_list(
        "zwischensumme | netto | nettobetrag | nettosumme | nettowert | warenwert | gesamt netto | gesamtbetrag netto",
        "gesamtsumme netto | summe netto | total netto | rechnungssumme ohne* | rechnungsbetrag ohne*",
        "rechnungsbetrag netto | gesamtbetrag ohne* | gesamt ohne* | summe ohne* | gesamt exkl* | summe exkl*",
        "total exkl* | gesamtbetrag der* | summe der* | summe mwst | summe ust | summe umsatzsteuer | mwst betrag",
        "ust betrag | umsatzsteuerbetrag | steuerbetrag | steuerbasisbetrag | basisbetrag | grundbetrag",
        "skontobetrag | rabattbetrag | positionssumme | summe positionen | übertrag | teilzahlung* | gesamtmenge",
        "gesamtgewicht | mahnbetrag | einzelbetrag | zeilenbetrag | kontostand | gesamtbeitrag",
    ),
    taxes=_list("mwst* | ust | umsatzsteuer* | mehrwertsteuer* | versicherungsteuer | versicherungssteuer"),
    refund_totals=_list(
        "gutschriftsbetrag | gutschriftbetrag | erstattungsbetrag | erstatteter betrag | rückerstattung*",
    ),
    deposits=_list("anzahlung* | abschlag | abschlagszahlung* | vorauszahlung* | erhaltene anzahlungen"),
    currency_labels=_list("währung | rechnungswährung"),
    receipts=_list(
        "*rechnung | rechnungskorrektur | rechnungs nummer | rechnungs nr | quittung* | zahlungsbeleg* | kassenbon",
        "kassenbeleg | kaufbeleg | zahlungsbestätigung | bestellbestätigung | auftragsbestätigung | ihre bestellung",
        "gutschrift | rückerstattung",
    ),
    credit_notes=_list("rechnungskorrektur | korrekturrechnung | stornorechnung | rückerstattung | erstattung"),
    unclear_credits=_list("gutschrift"),
    charges=_list(
        "sie haben bezahlt | sie haben eine zahlung* | zahlung an | ihre zahlung an | wurde abgebucht",
        "wurde belastet | wurde verlängert | verlängerung ihres abonnements | abonnement verlängert",
    ),
    quotes=_list("angebot | kostenvoranschlag | offerte | proforma rechnung | proformarechnung | preisangebot"),
    reminders=_list(
        "zahlungserinnerung | mahnung | erinnerung | letzte mahnung | überfällig* | offene rechnung*",
        "unbezahlte rechnung* | offene posten | kontoauszug",
    ),
    failures=_list(
        "zahlung fehlgeschlagen | zahlung ist fehlgeschlagen | zahlung wurde abgelehnt | zahlung abgelehnt",
        "fehlgeschlagene zahlung | konnte nicht abgebucht werden | konnten wir nicht abbuchen",
        "lastschrift zurückgegeben | zahlung konnte nicht* | rücklastschrift",
    ),
    failure_subjects=_list("zahlungsproblem"),
    acknowledgements=_list(
        "ihre rechnung erhalten | ihre rechnung haben wir erhalten | ihre rechnung ist eingegangen",
        "ihre rechnung wurde empfangen | eingang ihrer rechnung | vielen dank für ihre rechnung",
        "danke für ihre rechnung | ihre rechnung ist bei uns eingegangen",
    ),
    quoting=_list("schrieb: | ursprüngliche nachricht | originalnachricht"),
    quoted_headers=_list("gesendet:"),
    issue_dates=_list(
        "rechnungsdatum | datum der rechnung | ausstellungsdatum | ausgestellt am | belegdatum | dokumentdatum",
        "rechnung vom | gutschriftsdatum | rechnungs datum",
    ),
    payment_dates=_list("zahlungsdatum | bezahlt am | kaufdatum"),
    order_dates=_list("bestelldatum | bestellt am | auftragsdatum"),
    dates=_list("datum"),
    weak_dates=_list("vom | den"),
    other_dates=_list(
        "fällig | fällig am | fällig bis | fälligkeit | fälligkeitsdatum | zahlbar bis | zahlbar bis zum | zahlbar",
        "zahlung bis | zu zahlen bis | bis zum | bis | von | am | ab dem | lieferdatum | liefertermin",
        "leistungsdatum | liefer und leistungsdatum | leistungszeitraum | abrechnungszeitraum | lieferschein datum",
        "lieferscheindatum | bestell datum | zeitraum | gültig bis | geburtsdatum | druckdatum | stand | version",
        "anreise | abreise",
    ),
    months=_months(
        "januar jänner | februar | märz mär | april | mai | juni | juli | august | september | oktober okt | november",
        "dezember dez",
    ),
    invoice_numbers=_list(
        "*rechnung | *rechnungs nummer | *rechnungs nr | rechnungs id | rechnungskorrektur | gutschrift",
        "gutschrifts nummer | gutschrifts nr | beleg | beleg nummer | beleg nr",
    ),
    receipt_numbers=_list("quittung | quittungs nummer | quittungs nr | bon | bon nr"),
    document_numbers=_list("dokument | dokumenten"),
    other_numbers=_list(
        "bestell nummer | bestell nr | bestellung | auftrags nummer | auftrags nr | auftrag | vorgangs nummer",
        "dokument nummer | transaktions nummer | transaktions id",
    ),
    number_marks=_list("nummer | nr | num | no"),
    sellers=_list("verkäufer | lieferant | rechnungssteller | anbieter | leistungserbringer | zahlung an"),
    customers=_list(
        "kunde | kunden* | käufer* | rechnungsempfänger | rechnung an | rechnungsadresse | rechnungsanschrift",
        "lieferadresse | lieferanschrift | empfänger | warenempfänger | leistungsempfänger | abweichender* | herrn",
        "frau | an",
    ),
    payees=_list("zahlung an | zahlung von an | rechnung von | quittung von"),
    names=_list("name | firma"),
    business_ids=_list(
        "ust idnr | ust.-idnr | ust.-id.-nr | ust id nr | steuernummer | steuer nr | hrb | handelsregister | uid",
    ),
    pages=_list("seite | blatt"),
)

FRENCH: Final = Language(
    final_totals=_list(
        "total ttc | montant ttc | total général | total facture | total de la facture | montant total",
        "montant total ttc | montant de la facture | total commande | prix total | ttc",
    ),
    payments=_list(
        "net à payer | net à payer ttc | total à payer | montant à payer | montant dû | somme à payer | reste à payer",
        "solde à payer | montant payé | total payé | montant réglé | montant débité | montant du prélèvement",
        "vous avez payé | à payer",
    ),
    totals=_list("total | montant | somme"),
    other_totals=_list(
        "total ht | total hors taxes | montant ht | montant hors taxes | sous total | sous total ht | total tva",
        "total taxes | montant tva | montant de la tva | base ht | total remise* | montant remise | total net ht",
        "net ht | prix ht | solde précédent",
    ),
    taxes=_list("tva | taxe | taxes"),
    refund_totals=_list("montant remboursé | total remboursé | total avoir | montant de l'avoir | remboursement de"),
    deposits=_list("acompte* | avance* | déjà réglé | déjà payé"),
    currency_labels=_list("devise | monnaie"),
    receipts=_list(
        "facture* | reçu | reçus | reçu de paiement | ticket de caisse | quittance | confirmation de paiement",
        "confirmation de commande | votre commande | justificatif de paiement | avoir | note de crédit",
        "remboursement",
    ),
    credit_notes=_list("avoir | facture d'avoir | note de crédit | note d'avoir | remboursement"),
    charges=_list(
        "vous avez payé | vous avez envoyé un paiement | votre paiement à | paiement à | a été débité | avons débité",
        "a été renouvelé | renouvellement de votre abonnement",
    ),
    quotes=_list("devis | facture proforma | facture pro forma | pro forma | proforma | estimation | offre de prix"),
    reminders=_list(
        "rappel | rappel de paiement | relance | mise en demeure | facture impayée | factures impayées | impayé*",
        "en retard de paiement | relevé de compte",
    ),
    failures=_list(
        "échec du paiement | échec de paiement | paiement échoué | paiement a échoué | paiement refusé",
        "paiement a été refusé | prélèvement rejeté | carte refusée | n'avons pas pu débiter",
    ),
    failure_subjects=_list("problème de paiement"),
    acknowledgements=_list(
        "reçu votre facture | bien reçu votre facture | avons bien reçu votre facture | réception de votre facture",
        "merci pour votre facture | votre facture a été reçue | votre facture a bien été reçue",
    ),
    quoting=_list("a écrit : | a écrit: | message d'origine | message original"),
    quoted_headers=_list("envoyé : | envoyé:"),
    issue_dates=_list(
        "date de facture | date de la facture | date facture | date de facturation | date d'émission | date d'edition",
        "émise le | émis le | facturé le | date du reçu | date de l'avoir",
    ),
    payment_dates=_list("date de paiement | payé le | payée le | réglé le | date d'achat"),
    order_dates=_list("date de commande | commandé le"),
    dates=_list("date"),
    weak_dates=_list("le | du"),
    other_dates=_list(
        "échéance | date d'échéance | date limite* | date limite de paiement | à payer avant le | à régler avant le",
        "payable le | avant le | date de livraison | livré le | livraison | période | période du | valable jusqu'au",
        "au | à partir du | date de naissance | expire le | du 1er",
    ),
    months=_months(
        "janvier janv | février févr fév | mars | avril avr | mai | juin | juillet juil | août | septembre | octobre",
        "novembre | décembre déc",
    ),
    invoice_numbers=_list("facture | facture d'avoir | avoir | note de crédit"),
    receipt_numbers=_list("reçu | ticket | quittance"),
    document_numbers=_list("document"),
    other_numbers=_list("commande | transaction | référence"),
    number_marks=_list("numéro | numéro de | n° | no | num | réf | n | nr"),
    sellers=_list("vendeur | fournisseur | émetteur | prestataire | vendu par | émis par | paiement à"),
    customers=_list(
        "client* | facturé à | adresse de facturation | adresse de livraison | destinataire | acheteur* | livré à",
        "à l'attention*",
    ),
    payees=_list("paiement à | paiement de à | facture de | reçu de"),
    names=_list("nom | raison sociale"),
    business_ids=_list("siret | siren | rcs | n° tva | tva intracommunautaire | tva | ape"),
    pages=_list("page"),
)

SPANISH: Final = Language(
    final_totals=_list(
        "total factura | importe total | total con iva | total iva incluido | importe de la factura",
        "total del pedido | total general | monto total",
    ),
    payments=_list(
        "total a pagar | importe a pagar | total pagado | importe pagado | importe adeudado | importe cobrado",
        "a pagar | saldo pendiente | has pagado | ha pagado | líquido a percibir",
    ),
    totals=_list("total | importe | monto | suma"),
    other_totals=_list(
        "base imponible | subtotal | sub total | total sin iva | total iva | total bruto | importe iva | cuota iva",
        "total impuestos | total descuento* | importe neto | total neto | total base* | saldo anterior",
    ),
    taxes=_list("iva | igic | impuesto*"),
    refund_totals=_list(
        "importe reembolsado | total reembolsado | importe del reembolso | total abono | importe abonado",
    ),
    deposits=_list("anticipo* | pago a cuenta | entrega a cuenta"),
    currency_labels=_list("moneda | divisa"),
    receipts=_list(
        "factura* | recibo* | ticket de compra | confirmación de pago | confirmación de pedido | comprobante de pago",
        "justificante de pago | su pedido | tu pedido | nota de crédito | reembolso",
    ),
    credit_notes=_list("factura rectificativa | nota de crédito | nota de abono | abono | reembolso"),
    charges=_list(
        "has pagado | ha pagado | has enviado un pago | ha enviado un pago | tu pago a | su pago a | pago a",
        "hemos cobrado | se ha cobrado | se ha renovado | renovación de su suscripción | renovación de tu suscripción",
    ),
    quotes=_list("presupuesto | cotización | factura proforma | proforma | oferta"),
    reminders=_list(
        "recordatorio | recordatorio de pago | factura vencida | facturas vencidas | factura pendiente*",
        "factura impagada | pago pendiente | estado de cuenta",
    ),
    failures=_list(
        "pago fallido | pago rechazado | el pago ha fallado | pago ha sido rechazado | no se ha podido procesar*",
        "no hemos podido cobrar | tarjeta rechazada",
    ),
    failure_subjects=_list("problema con el pago | problema con tu pago | error en el pago"),
    acknowledgements=_list(
        "recibido su factura | recibido tu factura | hemos recibido su factura | recepción de su factura",
        "su factura ha sido recibida | gracias por su factura",
    ),
    quoting=_list("escribió: | mensaje original"),
    quoted_headers=_list("enviado:"),
    issue_dates=_list(
        "fecha de factura | fecha factura | fecha de la factura | fecha de emisión | fecha emisión",
        "fecha de expedición | emitida el | emitido el | fecha del recibo",
    ),
    payment_dates=_list("fecha de pago | fecha de compra | pagado el | fecha operación"),
    order_dates=_list("fecha de pedido | fecha del pedido"),
    dates=_list("fecha"),
    other_dates=_list(
        "vencimiento | fecha de vencimiento | fecha vencimiento | vence el | vence | fecha de entrega | fecha límite*",
        "pagar antes del | antes del | período | periodo | válido hasta | hasta | desde | fecha de nacimiento",
    ),
    months=_months(
        "enero ene | febrero | marzo | abril abr | mayo | junio | julio | agosto ago | septiembre setiembre | octubre",
        "noviembre | diciembre dic",
    ),
    invoice_numbers=_list("factura | factura rectificativa | nota de crédito | abono"),
    receipt_numbers=_list("recibo | ticket"),
    document_numbers=_list("documento"),
    other_numbers=_list("pedido | transacción | referencia"),
    number_marks=_list("número | número de | n° | no | núm | nro | ref | nr"),
    sellers=_list("vendedor | proveedor | emisor | vendido por | emitido por | pago a"),
    customers=_list("cliente* | facturar a | facturado a | dirección de* | destinatario | comprador* | enviar a"),
    payees=_list("pago a | pago de a | factura de | recibo de"),
    names=_list("nombre | razón social"),
    business_ids=_list("nif | cif | n.i.f | c.i.f"),
    pages=_list("página | pág"),
)

ITALIAN: Final = Language(
    final_totals=_list(
        "totale documento | totale fattura | importo totale | totale ivato | totale iva inclusa | totale ordine",
        "totale generale | totale complessivo | importo totale documento",
    ),
    payments=_list(
        "totale da pagare | totale dovuto | netto a pagare | importo da pagare | importo dovuto | totale pagato",
        "importo pagato | importo addebitato | da pagare | hai pagato | ha pagato",
    ),
    totals=_list("totale | importo | somma"),
    other_totals=_list(
        "imponibile | totale imponibile | totale netto | totale merce | totale iva | totale imposta | importo iva",
        "subtotale | sub totale | totale sconto* | totale parziale | importo netto | totale sconti | saldo precedente",
    ),
    taxes=_list("iva | imposta"),
    refund_totals=_list("importo rimborsato | totale rimborsato | totale rimborso | importo accreditato"),
    deposits=_list("acconto | acconti | anticipo"),
    currency_labels=_list("valuta | divisa"),
    receipts=_list(
        "fattura* | fatture | ricevuta | ricevute | scontrino | conferma di pagamento | conferma pagamento",
        "conferma d'ordine | conferma ordine | il tuo ordine | il suo ordine | nota di credito | rimborso",
    ),
    credit_notes=_list("nota di credito | nota di accredito | nota credito | rimborso"),
    charges=_list(
        "hai pagato | ha pagato | hai inviato un pagamento | ha inviato un pagamento | pagamento a",
        "abbiamo addebitato | è stato addebitato | è stato rinnovato | rinnovo dell'abbonamento | rinnovo abbonamento",
    ),
    quotes=_list("preventivo | fattura proforma | fattura pro forma | proforma | offerta"),
    reminders=_list(
        "promemoria | sollecito | sollecito di pagamento | fattura scaduta | fatture scadute | fattura insoluta",
        "fatture insolute | estratto conto",
    ),
    failures=_list(
        "pagamento non riuscito | pagamento rifiutato | pagamento fallito | pagamento è stato rifiutato",
        "addebito non riuscito | carta rifiutata | impossibile elaborare il pagamento",
    ),
    failure_subjects=_list("problema con il pagamento"),
    acknowledgements=_list(
        "ricevuto la vostra fattura | ricevuto la sua fattura | ricevuto la tua fattura",
        "ricezione della vostra fattura | vostra fattura è stata ricevuta | grazie per la vostra fattura",
    ),
    quoting=_list("ha scritto: | messaggio originale"),
    quoted_headers=_list("inviato:"),
    issue_dates=_list(
        "data fattura | data della fattura | data documento | data di emissione | data emissione | emessa il",
        "emesso il | data ricevuta",
    ),
    payment_dates=_list("data pagamento | data di pagamento | pagato il | data acquisto"),
    order_dates=_list("data ordine | data dell'ordine"),
    dates=_list("data"),
    other_dates=_list(
        "scadenza | data scadenza | data di scadenza | scade il | scad | data di consegna | data consegna | entro il",
        "entro | periodo | valido fino al | fino al | dal | al | data di nascita",
    ),
    months=_months(
        "gennaio gen | febbraio | marzo | aprile | maggio mag | giugno giu | luglio lug | agosto | settembre set",
        "ottobre ott | novembre | dicembre",
    ),
    invoice_numbers=_list("fattura | nota di credito | nota credito"),
    receipt_numbers=_list("ricevuta | scontrino"),
    document_numbers=_list("documento"),
    other_numbers=_list("ordine | transazione | riferimento"),
    number_marks=_list("numero | num | n° | n | no | nr | rif"),
    sellers=_list("venditore | fornitore | cedente | emittente | venduto da | cedente prestatore | pagamento a"),
    customers=_list("cliente* | spett* | destinatario | intestatario | cessionario* | acquirente* | fatturare a"),
    payees=_list("pagamento a | pagamento di a | fattura di | ricevuta di"),
    names=_list("nome | denominazione | ragione sociale"),
    business_ids=_list("p.iva | p. iva | partita iva | c.f | codice fiscale"),
    pages=_list("pagina | pag"),
)

DUTCH: Final = Language(
    final_totals=_list(
        "totaalbedrag | factuurbedrag | factuur totaal | totaal factuur | totaal incl* | totaal inclusief*",
        "totaal (incl* | bedrag incl* | bedrag inclusief* | eindtotaal | eindbedrag | totale bedrag",
    ),
    payments=_list(
        "totaal te betalen | te betalen | te betalen bedrag | totaal te voldoen | te voldoen | totaal betaald",
        "betaald bedrag | openstaand bedrag | verschuldigd bedrag | afgeschreven bedrag | u heeft betaald",
        "je hebt betaald",
    ),
    totals=_list("totaal | bedrag | som"),
    other_totals=_list(
        "subtotaal | sub totaal | subtotaal ex* | totaal excl* | totaal exclusief* | totaal ex* | totaal (excl*",
        "bedrag excl* | bedrag exclusief* | exclusief btw | excl btw | totaal btw | btw bedrag | totaal netto",
        "nettobedrag | netto bedrag | grondslag | totaal korting | vorig saldo",
    ),
    taxes=_list("btw"),
    refund_totals=_list(
        "terugbetaald bedrag | terug te ontvangen | totaal creditnota | creditbedrag | gecrediteerd bedrag",
    ),
    deposits=_list("aanbetaling* | voorschot* | reeds betaald | vooruitbetaald"),
    currency_labels=_list("valuta"),
    receipts=_list(
        "*factuur | facturen | factuur nummer | factuur nr | kassabon | aankoopbon | kwitantie | betaalbewijs",
        "betalingsbevestiging | betaalbevestiging | orderbevestiging | bestelbevestiging | uw bestelling",
        "je bestelling | creditnota | terugbetaling",
    ),
    credit_notes=_list("creditnota | creditfactuur | credit nota | terugbetaling"),
    charges=_list(
        "u heeft betaald | je hebt betaald | je hebt een betaling* | u heeft een betaling* | betaling aan",
        "is afgeschreven | is verlengd | verlenging van*",
    ),
    quotes=_list("offerte | prijsopgave | pro forma factuur | proforma factuur | proforma"),
    reminders=_list(
        "herinnering | betalingsherinnering | aanmaning | openstaande factu* | onbetaalde factu* | vervallen factu*",
        "rekeningoverzicht",
    ),
    failures=_list(
        "betaling mislukt | betaling is mislukt | mislukte betaling | betaling geweigerd | betaling is geweigerd",
        "incasso mislukt | konden niet afschrijven",
    ),
    failure_subjects=_list("probleem met je betaling | probleem met uw betaling"),
    acknowledgements=_list(
        "uw factuur ontvangen | je factuur ontvangen | uw factuur is ontvangen | ontvangst van uw factuur",
        "bedankt voor uw factuur | uw factuur in goede orde ontvangen",
    ),
    quoting=_list("schreef: | oorspronkelijk bericht"),
    quoted_headers=_list("verzonden:"),
    issue_dates=_list(
        "factuurdatum | factuur datum | datum factuur | uitgiftedatum | datum van uitgifte | betaaloverzichtdatum",
    ),
    payment_dates=_list("betaaldatum | betaald op | aankoopdatum | datum betaling"),
    order_dates=_list("orderdatum | besteldatum"),
    dates=_list("datum"),
    other_dates=_list(
        "vervaldatum | vervalt op | uiterste betaaldatum | te betalen voor | betalen voor | leverdatum | verzenddatum",
        "periode | geldig tot | tot en met | tot | geboortedatum",
    ),
    months=_months(
        "januari | februari | maart mrt | april | mei | juni | juli | augustus | september | oktober | november",
        "december",
    ),
    invoice_numbers=_list("*factuur | factuur nummer | factuur nr | creditnota | creditnota nummer"),
    receipt_numbers=_list("bon | bon nummer | kwitantie | kwitantie nummer"),
    document_numbers=_list("document"),
    other_numbers=_list(
        "order | order nummer | bestel nummer | bestelling | transactie | betaaloverzicht nummer",
    ),
    number_marks=_list("nummer | nr | no"),
    sellers=_list("verkoper | leverancier | verkocht door | betaling aan"),
    customers=_list("klant* | factuuradres | afleveradres | factureren aan | ontvanger | koper* | t.a.v"),
    payees=_list("betaling aan | betaling van aan | factuur van"),
    names=_list("naam | bedrijfsnaam"),
    business_ids=_list("kvk | btw nr | btw nummer | kvk nummer"),
    pages=_list("pagina | blad"),
)

LANGUAGES: Final = {
    "en": ENGLISH,
    "he": HEBREW,
    "de": GERMAN,
    "fr": FRENCH,
    "es": SPANISH,
    "it": ITALIAN,
    "nl": DUTCH,
}


def phrases(of: Callable[[Language], Iterable[str]]) -> list[tuple[str, str]]:
    """What all languages say, each phrase with its language's prefix: `phrases(lambda language: language.totals)`."""
    return [(language.prefix, phrase) for language in LANGUAGES.values() for phrase in of(language)]
