"""Sentences that workers have stored are read in the reader's language, whatever the values in them."""

from __future__ import annotations

import pytest
from django.utils.translation import gettext, override

import broadcasts.stored_messages
import receipts.stored_messages
import recordings.stored_messages
from runs.stored_text import PROGRAM_FAILED, StoredMessage, translate_stored

MODULES = (broadcasts.stored_messages, receipts.stored_messages, recordings.stored_messages)
MESSAGES = [PROGRAM_FAILED, *(each for module in MODULES for each in vars(module).values())]
MESSAGES = [each for each in MESSAGES if isinstance(each, StoredMessage)]
VALUES = {
    "code": "132015",
    "day": "0001-01-01",
    "error": "%(host)s: 100% of \u05e9\u05dc\u05d5\u05dd",
    "folder": 'a "b" %s',
    "host": "mail.example.com",
    "hours": 7,
    "minutes": 30,
    "name": "ivrit-ai/whisper-large-v3",
    "port": "993",
    "problem": "Something else.",
    "reason": "Permission denied",
    "size": 26,
    "status": 500,
    "user": "somebody@example.com",
}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.text[:40])
def test_a_sentence_with_values_is_translated_when_it_is_read(message: StoredMessage) -> None:
    stored = message % VALUES
    assert translate_stored(stored) == stored
    with override("he"):
        assert gettext(message.text) != message.text
        assert translate_stored(stored) == gettext(message.text) % VALUES


def test_a_sentence_within_a_sentence_is_translated_too() -> None:
    problem = receipts.stored_messages.NOT_REACHED % VALUES
    stored = receipts.stored_messages.GIVEN_UP % {"problem": problem, "minutes": 5}
    with override("he"):
        expected = {"problem": gettext(receipts.stored_messages.NOT_REACHED.text) % VALUES, "minutes": 5}
        assert translate_stored(stored) == gettext(receipts.stored_messages.GIVEN_UP.text) % expected


@pytest.mark.parametrize(
    "text", ["", "Said by a provider: no.", "The recording is too large: many MB.", " on port ", "x" * 100_000]
)
def test_what_is_no_sentence_of_ours_stays_as_it_is(text: str) -> None:
    with override("he"):
        assert translate_stored(text) == text
