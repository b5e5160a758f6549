"""Recognises messages of people who want no more messages, or want them again.

A text is split into words, without case, punctuation, accents, emoji and direction marks. Three kinds of phrases count:

1. the whole message, except words of courtesy: STOP, "הסר בבקשה", or a button's title;
2. its last words: "אבקש להסיר", which means something else if an object follows ("אבקש להסיר את הבצל");
3. a few successive words anywhere: "please remove me from the list", "תסירו אותי בבקשה". They don't count if they are
   negated ("don't remove me"), or ambiguous and about something else ("remove me from tomorrow's appointment").

The time is proportional to the length of the text.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from .phrases import AMBIGUOUS, COURTESIES, ENDS, KEYWORDS, NEGATIONS, OTHER_TOPICS, STARTS, STOPS, UNAMBIGUOUS
from .words import Words, normalize_words

_LONGEST: Final = max(map(len, UNAMBIGUOUS | AMBIGUOUS))


class OptOutRequest(Enum):
    STOP = "stop"
    START = "start"


def parse_request(text: str) -> OptOutRequest | None:
    """The request in the message, to stop or to resume; None without one."""
    words = normalize_words(text)
    if words in KEYWORDS:
        return OptOutRequest.STOP
    core = strip_courtesies(words)
    if core in STARTS:
        return OptOutRequest.START
    if core in STOPS or has_stop_ending(core) or contains_phrase(words, UNAMBIGUOUS):
        return OptOutRequest.STOP
    if OTHER_TOPICS.isdisjoint(words) and contains_phrase(words, AMBIGUOUS):
        return OptOutRequest.STOP
    return None


def parse_button(title: str, payload: str) -> OptOutRequest | None:
    """By the title that the person has read and the payload that the business has set; a stop in either one wins."""
    requests = {parse_request(text) for text in (title, payload) if normalize_words(text) not in KEYWORDS}
    return next((request for request in OptOutRequest if request in requests), None)


def strip_courtesies(words: Words) -> Words:
    """Without words of courtesy; a word that is repeated all over, once."""
    core = tuple(word for word in words if word not in COURTESIES)
    return core[:1] if len(set(core)) == 1 else core


def has_stop_ending(core: Words) -> bool:
    return any(core[-length:] in ENDS and not is_negated(core, len(core) - length) for length in (1, 2))


def contains_phrase(words: Words, phrases: frozenset[Words]) -> bool:
    return any(
        words[start : start + length] in phrases and not is_negated(words, start)
        for start in range(len(words))
        for length in range(1, _LONGEST + 1)
        if start + length <= len(words)
    )


def is_negated(words: Words, start: int) -> bool:
    """Does one of the two words before it negate the phrase?"""
    return not NEGATIONS.isdisjoint(words[max(0, start - 2) : start])
