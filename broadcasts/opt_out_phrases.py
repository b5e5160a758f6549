"""What people write when they want no more messages, or want them again.

A text is cut into words, without case, points, accents, emoji and marks of direction. Two kinds of phrases:

1. the whole of a message: STOP, "הסר", or a button's title;
2. a few words in a row anywhere in it: "please remove me from the list", "תסירו אותי בבקשה". Where the words are those
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


class Wish(Enum):
    STOP = "stop"
    START = "start"


Words = tuple[str, ...]


def words_of(text: str) -> Words:
    """Lower case, no points or accents, nothing but letters and digits; "don't" is one word and so is "צה״ל"."""
    letters = []
    for character in unicodedata.normalize("NFKD", text[:MAX_TEXT]).casefold():
        if character.isalnum():
            letters.append(character)
        elif not _is_silent(character):
            letters.append(" ")
    return tuple("".join(letters).split())


_SILENT: Final = frozenset("'’‘ʼ`´\"“”״׳")


def _is_silent(character: str) -> bool:
    """Points, accents, marks of direction, and what stands within a word."""
    return character in _SILENT or unicodedata.category(character) in ("Mn", "Me", "Cf")


def _phrases(*texts: str) -> frozenset[Words]:
    return frozenset(map(words_of, texts))


def _all(*choices: str) -> Iterable[str]:
    """Every combination; choices are between bars."""
    return map(" ".join, product(*(choice.split("|") for choice in choices)))


_VERBS_HE = (
    "הסר|הסירו|הסירי|תסיר|תסירו|תסירי|להסיר|מחק|מחקו|מחקי|תמחק|תמחקו|תמחקי|למחוק"
    "|הורד|הורידו|הורידי|תוריד|תורידו|תורידי|להוריד|הוצא|הוציאו|הוציאי|תוציא|תוציאו|תוציאי|להוציא"
)
_CEASE_HE = "תפסיק|תפסיקו|תפסיקי|הפסק|הפסיקו|הפסיקי|להפסיק|תחדל|תחדלו|חדלו|די|מספיק"
_MESSAGES_HE = "הודעות|ההודעות|הודעה|פרסומות|הפרסומות|פרסומים|מבצעים|המבצעים|דיוור|הדיוור|ספאם|ווטסאפים"
_LISTS_HE = "מהרשימה|מרשימת|מהדיוור|מהתפוצה|מרשימות"

# The whole of a message, or of a button.
STOPS: Final = _phrases(
    # The words that carriers and WhatsApp's providers take by default, and those of WhatsApp's own buttons.
    *(
        "stop",
        "stop all",
        "stopall",
        "unsubscribe",
        "cancel",
        "end",
        "quit",
        "opt out",
        "optout",
        "remove",
        "remove me",
    ),
    *("stop promotions", "stop offers", "stop messages", "stop updates", "stop please", "please stop", "stop it"),
    *("block offers", "not interested", "no more"),
    *("הסר", "הסירו", "הסירי", "להסיר", "הסרה", "להסרה", "עצור", "עצרו", "די", "הפסק", "הפסיקו", "הפסקה", "להפסיק"),
    *("תפסיקו", "תפסיק", "תפסיקי", "סטופ", "הסר נא", "נא להסיר", "להסיר בבקשה", "הסרה בבקשה", "די כבר", "מספיק"),
    *("הפסקת מבצעים", "הפסקת הודעות", "עצירת מבצעים", "הפסקת פרסומות", "הסר מרשימה"),
    *("стоп", "отписаться", "отписка", "توقف", "ايقاف", "إيقاف", "الغاء الاشتراك", "إلغاء الاشتراك"),
)
STARTS: Final = _phrases(
    *("start", "unstop", "resume", "resume promotions", "subscribe", "opt in", "optin"),
    *("התחל", "התחילו", "להתחיל", "חידוש", "חידוש הודעות", "חידוש מבצעים", "הצטרף", "להצטרף"),
    *("старт", "ابدأ"),
)

# Words in a row anywhere in a message that can mean nothing else.
CLEAR: Final = _phrases(
    *("unsubscribe", "opt out", "opt me out", "take me off", "remove my number", "delete my number"),
    *_all("stop", "sending|messaging|texting|contacting|spamming|writing", "me"),
    *_all("stop", "sending", "messages|these|this|it|ads|promotions"),
    *_all("stop", "these|the|your|all|promotional|marketing", "messages|promotions|texts|ads|offers"),
    *_all("no", "more", "messages|texts|ads|promotions|offers|marketing"),
    *_all("dont|not|never|stop", "message|text|contact|spam", "me"),
    *_all("do not|dont|never", "send me", "messages|ads|promotions|offers|anything|any|these|more|marketing"),
    *_all("remove|delete|take", "me", "from|off", "your|the|this|all", "list|lists|mailing|broadcast|contacts"),
    *_all(_CEASE_HE, "לשלוח|עם|לכתוב|להציק|לסמס|להטריד"),
    *_all(_CEASE_HE, _MESSAGES_HE),
    *_all("אל|בלי", "תשלח|תשלחו|תשלחי|לשלוח", "לי|אלי|אליי|יותר"),
    *_all("לא", "לשלוח|תשלח|תשלחו|תשלחי", "לי|אלי|אליי|יותר"),
    *_all("לא", "רוצה|מעוניין|מעוניינת|מעונין|מעונינת", "לקבל", _MESSAGES_HE + "|יותר|מכם|ממכם|את|עוד|כלום|ווטסאפ"),
    *_all("לא", "רוצה|מעוניין|מעוניינת|מעונין|מעונינת", _MESSAGES_HE + "|בהודעות|בפרסומות|בדיוור|במבצעים|בהודעה"),
    *_all(_VERBS_HE, "אותי|אותנו", _LISTS_HE),
    *_all(_VERBS_HE, _LISTS_HE),
    *_all(_VERBS_HE, "את", "המספר|הטלפון|הנייד", "שלי|שלנו"),
    *_all("הסרה|להסרה|הסרת|ביטול", _LISTS_HE + "|דיוור|רישום"),
    *_all("הסירוני|תסירוני", ""),
    "отпишите меня", "удалите меня", "не пишите мне", "لا ترسل", "لا ترسلوا",
)  # fmt: skip
# … and those that an appointment is spoken of by as well.
BARE: Final = _phrases(
    *_all("remove|delete", "me"),
    *_all(_VERBS_HE, "אותי|אותנו"),
    *_all("מבקש|מבקשת|מבקשים|אבקש|בבקשה|רוצה|בקשה", "הסרה|להסרה"),
    *_all("מבקש|מבקשת|מבקשים|אבקש|רוצה|נא|בבקשה", "להסיר"),
)
# What else one is taken off, or cancels.
ELSEWHERE: Final = frozenset(
    {"appointment", "appointments", "meeting", "booking", "reservation", "order", "delivery", "class", "visit"}
    | {"waitlist", "waiting", "queue", "group", "chat", "event", "schedule", "insurance", "policy", "invoice"}
    | {"תור", "התור", "לתור", "מהתור", "מתור", "תורים", "תורי", "פגישה", "הפגישה", "מהפגישה", "הזמנה", "ההזמנה"}
    | {"מההזמנה", "משלוח", "המשלוח", "ביקור", "הביקור", "שיעור", "השיעור", "מהשיעור", "חוג", "מהחוג", "ההמתנה"}
    | {"המתנה", "מהקבוצה", "הקבוצה", "קבוצה", "אירוע", "האירוע", "מהאירוע", "ביטוח", "הביטוח", "חשבונית", "החשבונית"}
)
DENIALS: Final = frozenset({"dont", "not", "never", "didnt", "wont", "אל", "לא", "שלא", "בלי"})
_LONGEST: Final = max(map(len, CLEAR | BARE))


def wish_of(text: str) -> Wish | None:
    """What the message asks for; None for anything else."""
    words = words_of(text)
    if words in STARTS:
        return Wish.START
    if words in STOPS or _contains(words, CLEAR):
        return Wish.STOP
    if ELSEWHERE.isdisjoint(words) and _contains(words, BARE):
        return Wish.STOP
    return None


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
