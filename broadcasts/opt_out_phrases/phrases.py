"""The phrases of opt-out requests in Hebrew, English, Russian and Arabic."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Final

from .words import Words, normalize_words


def phrases(*texts: str) -> frozenset[Words]:
    return frozenset(map(normalize_words, texts))


def combine(*choices: str) -> Iterable[str]:
    """Every combination of one choice from each text; choices are separated by bars."""
    return map(" ".join, product(*(choice.split("|") for choice in choices)))


_VERBS_HE = (
    "הסר|הסירו|הסירי|תסיר|תסירו|תסירי|להסיר|מחק|מחקו|מחקי|תמחק|תמחקו|תמחקי|למחוק"
    "|הורד|הורידו|הורידי|תוריד|תורידו|תורידי|להוריד|הוצא|הוציאו|הוציאי|תוציא|תוציאו|תוציאי|להוציא"
    "|שתסיר|שתסירו|שתסירי|שתמחקו|שתורידו|שתוציאו"
)
_CEASE_HE = "תפסיק|תפסיקו|תפסיקי|הפסק|הפסיקו|הפסיקי|להפסיק|תחדל|תחדלו|חדלו|עצור|עצרו|די|מספיק"
_MESSAGES_HE = "הודעות|ההודעות|הודעה|פרסומות|הפרסומות|פרסומים|מבצעים|המבצעים|דיוור|הדיוור|ספאם|ווטסאפים"
_LISTS_HE = "מהרשימה|מרשימת|מהדיוור|מהתפוצה|מרשימות"
_UNWANTED_HE = "רוצה|מעוניין|מעוניינת|מעונין|מעונינת"
_MESSAGES = "messages|message|texts|ads|promotions|offers|marketing|spam|promos"
_MINE_AR = "احذف|احذفوا|ازيلوا|امسح|امسحوا|شيل|شيلوا"
_ME_AR = "احذفني|احذفوني|ازلني|ازيلوني|امسحني|امسحوني|شيلني|شيلوني"
_SEND_AR = "ترسل|ترسلوا|ترسلي|ترسلولي|تبعث|تبعثوا|تبعثولي|تبعتوا|تبعتولي|تراسلني|تراسلوني"
_SEND_RU = "пишите|присылайте|отправляйте|шлите"

COURTESIES: Final = frozenset(
    normalize_words("please pls plz thanks thx now kindly בבקשה נא אנא תודה כבר פליז пожалуйста спасибо плиз")
    + normalize_words("من فضلك فضلكم رجاء الرجاء شكرا")
)
# Keywords of carriers that people also write about appointments: only as a whole typed message, never on a button.
KEYWORDS: Final = phrases("cancel", "end", "quit", "remove")
# A whole message, or the title of a button.
STOPS: Final = phrases(
    # The default keywords of carriers and of WhatsApp's providers, and the titles of WhatsApp's own buttons.
    *("stop", "stop all", "stopall", "unsubscribe", "unsubscribe me", "opt out", "optout", "remove me"),
    *("stop promotions", "stoppromotions", "stop offers", "stop messages", "stop msgs", "stop updates", "stop sending"),
    *("stop it", "stop this", "stop these", "stop spam", "stop spamming", "stop marketing", "stop advertising"),
    *("stop ads", "stop texts", "block offers", "not interested", "no more"),
    *("הסר", "הסירו", "הסירי", "להסיר", "הסרה", "להסרה", "עצור", "עצרו", "די", "הפסק", "הפסיקו", "הפסקה", "להפסיק"),
    *("תפסיקו", "תפסיק", "תפסיקי", "סטופ", "מספיק", "לא מעוניין", "לא מעוניינת", "לא מעונין", "לא מעונינת"),
    *("הפסקת מבצעים", "הפסקת הודעות", "עצירת מבצעים", "הפסקת פרסומות", "הסר מרשימה"),
    *("ביטול הרשמה", "בטל הרשמה", "ביטול רישום", "בטל רישום"),
    *("стоп", "отписаться", "отписка", "отпиши", "хватит", "прекратите"),
    *("توقف", "توقفوا", "إيقاف", "أوقف", "وقف", "قف", "إلغاء الاشتراك", "الغ الاشتراك", "إيقاف الاشتراك", "ستوب"),
)
STARTS: Final = phrases(
    *("start", "unstop", "resume", "resume promotions", "subscribe", "opt in", "optin"),
    *("התחל", "התחילו", "להתחיל", "חידוש", "חידוש הודעות", "חידוש מבצעים", "הצטרף", "להצטרף"),
    *("старт", "ابدأ"),
)
# The last words of a message.
ENDS: Final = phrases(
    *combine("מבקש|מבקשת|מבקשים|אבקש|רוצה|בקשה", "הסרה|להסרה"),
    *combine("מבקש|מבקשת|מבקשים|אבקש|רוצה|אפשר", "להסיר"),
)

# Anywhere in a message: they can't mean anything else.
UNAMBIGUOUS: Final = phrases(
    *("unsubscribe", "opt out", "opt me out", "take me off", "leave me alone"),
    *combine("remove|delete", "my|this", "number|phone|contact"),
    *combine("take", "my|this", "number", "off"),
    *combine("stop|quit", "sending|messaging|texting|contacting|spamming|writing", "me|us"),
    *combine("stop", "sending", "messages|these|this|it|ads|promotions|promotional|marketing|spam|your"),
    *combine("stop", "these|the|your|all|promotional|marketing", _MESSAGES),
    *combine("no", "more", _MESSAGES),
    *combine("dont|not|never|stop", "message|text|contact|spam", "me"),
    *combine("do not|dont|never", "send me", f"anything|any|these|more|{_MESSAGES}"),
    *combine("dont|not", "want|wish", "these|your|any|more|any more", _MESSAGES),
    *combine("dont|not", "want|wish", "to", "receive|get", _MESSAGES),
    *combine("dont|not", "want|wish", "to", "receive|get", "these|your|any|more|any more|such|this", _MESSAGES),
    *combine("remove|delete|take", "me", "from|off", "your|the|this|all", "list|lists|mailing|broadcast|contacts"),
    *combine(_CEASE_HE, "לשלוח|עם|לכתוב|להציק|לסמס|להטריד"),
    *combine(_CEASE_HE, _MESSAGES_HE),
    *combine("לא", "לשלוח|תשלח|תשלחו|תשלחי", "לי|אלי|אליי|יותר"),
    *combine("לא", _UNWANTED_HE, "לקבל", _MESSAGES_HE + "|יותר|מכם|ממכם|עוד|כלום|ווטסאפ"),
    *combine("לא", _UNWANTED_HE, "לקבל", "את", _MESSAGES_HE),
    *combine("לא", _UNWANTED_HE, _MESSAGES_HE + "|בהודעות|בפרסומות|בדיוור|במבצעים|בהודעה"),
    *combine("לא", _UNWANTED_HE, "יותר|עוד|שום", _MESSAGES_HE),
    *combine("אל", "תכתוב|תכתבו|תכתבי|תפנה|תפנו|תפני|תסמסו", "לי|אלי|אליי"),
    *combine(_VERBS_HE, "אותי|אותנו", _LISTS_HE),
    *combine(_VERBS_HE, _LISTS_HE),
    *combine(_VERBS_HE, "את", "המספר|הטלפון|הנייד", "שלי|שלנו"),
    *combine("הסרה|להסרה|הסרת|ביטול", _LISTS_HE + "|דיוור"),
    *("הסירוני", "תסירוני"),
    *combine("удалите|уберите", "мой", "номер|телефон"),
    *combine("отпишите|отпиши", "меня"),
    *combine("больше", "не", _SEND_RU),
    *combine("не", _SEND_RU, "больше"),
    *combine("хватит|прекратите", "писать|слать|присылать|отправлять|спамить|рассылку"),
    *("хочу отписаться", "отписаться от", "уберите меня из рассылки", "не пишите мне"),
    *combine("توقف|توقفوا", "عن", "ارسال|الارسال"),
    *combine("أوقف|أوقفوا|وقف|وقفوا|إيقاف", "الرسائل|رسائل|الاعلانات"),
    *combine("لا أريد|ما بدي|مش عايز|لا ارغب في", "رسائل|رسايل|الرسائل|اعلانات"),
    *combine(_MINE_AR, "رقمي"),
    *combine(_ME_AR, "من", "القائمة|قائمة|قائمتكم|اللائحة|القايمة"),
)  # fmt: skip
# Anywhere in a message without a word of `OTHER_TOPICS`: people also write them about appointments and parcels.
AMBIGUOUS: Final = phrases(
    *combine("remove|delete", "me"),
    *combine(_VERBS_HE, "אותי|אותנו"),
    *combine("אל|בלי", "תשלח|תשלחו|תשלחי|לשלוח", "לי|אלי|אליי|יותר"),
    *combine("удалите|уберите", "меня"),
    *combine("не", _SEND_RU, "мне"),
    *combine("لا|ما", _SEND_AR),
)
# What else people cancel, or want to be removed from.
OTHER_TOPICS: Final = frozenset(
    {"appointment", "appointments", "meeting", "booking", "reservation", "order", "delivery", "class", "visit", "slot"}
    | {"waitlist", "waiting", "queue", "group", "chat", "event", "schedule", "insurance", "policy", "invoice"}
    | {"תור", "התור", "לתור", "מהתור", "מתור", "תורים", "תורי", "פגישה", "הפגישה", "מהפגישה", "הזמנה", "ההזמנה"}
    | {"מההזמנה", "משלוח", "המשלוח", "ביקור", "הביקור", "שיעור", "השיעור", "מהשיעור", "חוג", "מהחוג", "ההמתנה"}
    | {"המתנה", "מהקבוצה", "הקבוצה", "קבוצה", "אירוע", "האירוע", "מהאירוע", "ביטוח", "הביטוח", "חשבונית", "החשבונית"}
    | {"חבילה", "החבילה", "בתחנה"}
    | set(normalize_words("записи запись приема очереди группы чата заказ счет"))
    | set(normalize_words("موعد الموعد موعدي الطلب طلبي الطلبية الفاتورة المجموعة"))
)
NEGATIONS: Final = frozenset(
    {"dont", "not", "never", "did", "didnt", "wont", "אל", "לא", "שלא", "בלי", "не", "لا", "ما"}
)
