"""What people write when they want no more messages, or want them again.

A text is cut into words, without case, points, accents, emoji and marks of direction. Three kinds of phrases:

1. the whole of a message, but for words of courtesy: STOP, "הסר בבקשה", or a button's title;
2. its last words: "אבקש להסיר", which with an object is about that ("אבקש להסיר את הבצל");
3. a few words in a row anywhere in it: "please remove me from the list", "תסירו אותי בבקשה". Where the words are those
   of an appointment too ("remove me from tomorrow's appointment", "רוצה ביטול תור"), or the wish is denied ("don't
   remove me"), they don't count.

Every text costs time in proportion to its length.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from enum import Enum
from itertools import product
from typing import Final

MAX_TEXT: Final = 4096  # characters; WhatsApp's own limit


class OptOutRequest(Enum):
    STOP = "stop"
    START = "start"


Words = tuple[str, ...]


def normalize_words(text: str) -> Words:
    """Lower case, no points or accents, nothing but letters and digits; "don't" is one word and so is "צה״ל"."""
    letters = []
    for character in unicodedata.normalize("NFKD", text[:MAX_TEXT]).casefold():
        if not _is_silent(character):
            letters.append(character if character.isalnum() else " ")
    return tuple("".join(letters).split())


_SILENT: Final = frozenset("'’‘ʼ`´\"“”״׳ـ")


def _is_silent(character: str) -> bool:
    """Points, accents, marks of direction, and what stands within a word, such as the dash that draws out Arabic."""
    return character in _SILENT or unicodedata.category(character) in ("Mn", "Me", "Cf")


def _phrases(*texts: str) -> frozenset[Words]:
    return frozenset(map(normalize_words, texts))


def _all(*choices: str) -> Iterable[str]:
    """Every combination; choices are between bars."""
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
# What carriers take as well, and people write of an appointment: alone, in letters, and never by a button.
KEYWORDS: Final = _phrases("cancel", "end", "quit", "remove")
# The whole of a message, or of a button.
STOPS: Final = _phrases(
    # The words that carriers and WhatsApp's providers take by default, and those of WhatsApp's own buttons.
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
STARTS: Final = _phrases(
    *("start", "unstop", "resume", "resume promotions", "subscribe", "opt in", "optin"),
    *("התחל", "התחילו", "להתחיל", "חידוש", "חידוש הודעות", "חידוש מבצעים", "הצטרף", "להצטרף"),
    *("старт", "ابدأ"),
)
# The last words of a message.
ENDS: Final = _phrases(
    *_all("מבקש|מבקשת|מבקשים|אבקש|רוצה|בקשה", "הסרה|להסרה"),
    *_all("מבקש|מבקשת|מבקשים|אבקש|רוצה|אפשר", "להסיר"),
)

# Words in a row anywhere in a message that can mean nothing else.
CLEAR: Final = _phrases(
    *("unsubscribe", "opt out", "opt me out", "take me off", "leave me alone"),
    *_all("remove|delete", "my|this", "number|phone|contact"),
    *_all("take", "my|this", "number", "off"),
    *_all("stop|quit", "sending|messaging|texting|contacting|spamming|writing", "me|us"),
    *_all("stop", "sending", "messages|these|this|it|ads|promotions|promotional|marketing|spam|your"),
    *_all("stop", "these|the|your|all|promotional|marketing", _MESSAGES),
    *_all("no", "more", _MESSAGES),
    *_all("dont|not|never|stop", "message|text|contact|spam", "me"),
    *_all("do not|dont|never", "send me", f"anything|any|these|more|{_MESSAGES}"),
    *_all("dont|not", "want|wish", "these|your|any|more|any more", _MESSAGES),
    *_all("dont|not", "want|wish", "to", "receive|get", _MESSAGES),
    *_all("dont|not", "want|wish", "to", "receive|get", "these|your|any|more|any more|such|this", _MESSAGES),
    *_all("remove|delete|take", "me", "from|off", "your|the|this|all", "list|lists|mailing|broadcast|contacts"),
    *_all(_CEASE_HE, "לשלוח|עם|לכתוב|להציק|לסמס|להטריד"),
    *_all(_CEASE_HE, _MESSAGES_HE),
    *_all("לא", "לשלוח|תשלח|תשלחו|תשלחי", "לי|אלי|אליי|יותר"),
    *_all("לא", _UNWANTED_HE, "לקבל", _MESSAGES_HE + "|יותר|מכם|ממכם|עוד|כלום|ווטסאפ"),
    *_all("לא", _UNWANTED_HE, "לקבל", "את", _MESSAGES_HE),
    *_all("לא", _UNWANTED_HE, _MESSAGES_HE + "|בהודעות|בפרסומות|בדיוור|במבצעים|בהודעה"),
    *_all("לא", _UNWANTED_HE, "יותר|עוד|שום", _MESSAGES_HE),
    *_all("אל", "תכתוב|תכתבו|תכתבי|תפנה|תפנו|תפני|תסמסו", "לי|אלי|אליי"),
    *_all(_VERBS_HE, "אותי|אותנו", _LISTS_HE),
    *_all(_VERBS_HE, _LISTS_HE),
    *_all(_VERBS_HE, "את", "המספר|הטלפון|הנייד", "שלי|שלנו"),
    *_all("הסרה|להסרה|הסרת|ביטול", _LISTS_HE + "|דיוור"),
    *("הסירוני", "תסירוני"),
    *_all("удалите|уберите", "мой", "номер|телефон"),
    *_all("отпишите|отпиши", "меня"),
    *_all("больше", "не", _SEND_RU),
    *_all("не", _SEND_RU, "больше"),
    *_all("хватит|прекратите", "писать|слать|присылать|отправлять|спамить|рассылку"),
    *("хочу отписаться", "отписаться от", "уберите меня из рассылки", "не пишите мне"),
    *_all("توقف|توقفوا", "عن", "ارسال|الارسال"),
    *_all("أوقف|أوقفوا|وقف|وقفوا|إيقاف", "الرسائل|رسائل|الاعلانات"),
    *_all("لا أريد|ما بدي|مش عايز|لا ارغب في", "رسائل|رسايل|الرسائل|اعلانات"),
    *_all(_MINE_AR, "رقمي"),
    *_all(_ME_AR, "من", "القائمة|قائمة|قائمتكم|اللائحة|القايمة"),
)  # fmt: skip
# … and those that an appointment, or a parcel, is spoken of by as well.
BARE: Final = _phrases(
    *_all("remove|delete", "me"),
    *_all(_VERBS_HE, "אותי|אותנו"),
    *_all("אל|בלי", "תשלח|תשלחו|תשלחי|לשלוח", "לי|אלי|אליי|יותר"),
    *_all("удалите|уберите", "меня"),
    *_all("не", _SEND_RU, "мне"),
    *_all("لا|ما", _SEND_AR),
)
# What else one is taken off, cancels, or isn't sent.
ELSEWHERE: Final = frozenset(
    {"appointment", "appointments", "meeting", "booking", "reservation", "order", "delivery", "class", "visit", "slot"}
    | {"waitlist", "waiting", "queue", "group", "chat", "event", "schedule", "insurance", "policy", "invoice"}
    | {"תור", "התור", "לתור", "מהתור", "מתור", "תורים", "תורי", "פגישה", "הפגישה", "מהפגישה", "הזמנה", "ההזמנה"}
    | {"מההזמנה", "משלוח", "המשלוח", "ביקור", "הביקור", "שיעור", "השיעור", "מהשיעור", "חוג", "מהחוג", "ההמתנה"}
    | {"המתנה", "מהקבוצה", "הקבוצה", "קבוצה", "אירוע", "האירוע", "מהאירוע", "ביטוח", "הביטוח", "חשבונית", "החשבונית"}
    | {"חבילה", "החבילה", "בתחנה"}
    | set(normalize_words("записи запись приема очереди группы чата заказ счет"))
    | set(normalize_words("موعد الموعد موعدي الطلب طلبي الطلبية الفاتورة المجموعة"))
)
DENIALS: Final = frozenset({"dont", "not", "never", "did", "didnt", "wont", "אל", "לא", "שלא", "בלי", "не", "لا", "ما"})
_LONGEST: Final = max(map(len, CLEAR | BARE))


def parse_request(text: str) -> OptOutRequest | None:
    """What the message asks for; None for anything else."""
    words = normalize_words(text)
    if words in KEYWORDS:
        return OptOutRequest.STOP
    core = _core(words)
    if core in STARTS:
        return OptOutRequest.START
    if core in STOPS or _ends(core) or _contains(words, CLEAR):
        return OptOutRequest.STOP
    if ELSEWHERE.isdisjoint(words) and _contains(words, BARE):
        return OptOutRequest.STOP
    return None


def parse_button(title: str, payload: str) -> OptOutRequest | None:
    """By what the person has read, or by what the business calls it; a stop counts before all else."""
    wishes = {parse_request(text) for text in (title, payload) if normalize_words(text) not in KEYWORDS}
    return next((wish for wish in OptOutRequest if wish in wishes), None)


def _core(words: Words) -> Words:
    """Without courtesies, and once what was written again and again."""
    core = tuple(word for word in words if word not in COURTESIES)
    return core[:1] if len(set(core)) == 1 else core


def _ends(core: Words) -> bool:
    return any(core[-length:] in ENDS and not _is_denied(core, len(core) - length) for length in (1, 2))


def _contains(words: Words, phrases: frozenset[Words]) -> bool:
    return any(
        words[start : start + length] in phrases and not _is_denied(words, start)
        for start in range(len(words))
        for length in range(1, _LONGEST + 1)
        if start + length <= len(words)
    )


def _is_denied(words: Words, start: int) -> bool:
    """By one of the two words before it."""
    return not DENIALS.isdisjoint(words[max(0, start - 2) : start])
