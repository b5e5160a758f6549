"""Documents of the corpus, read as a sync reads them: figures that may rise and never fall."""

from __future__ import annotations

import pytest

from benchmarks.extraction import OWN_CORPUS, Judgement, judge, totals


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    return judge(OWN_CORPUS)


def test_documents_are_read_right_or_reviewed(judgement: Judgement) -> None:
    shares = totals(judgement)
    reached = [shares[name] or 0.0 for name in ("right", "sure_of_right")]
    assert (reached[0] >= 0.97, reached[1] >= 0.80, shares["wrong_and_sure"]) == (True, True, 0.0), judgement.lines


def test_every_receipt_in_the_corpus_is_found_and_nothing_else(judgement: Judgement) -> None:
    assert (judgement.skipped, judgement.imagined) == ([], [])


@pytest.mark.parametrize("language", ["en", "he", "de"])
def test_amount_currency_and_day_are_right(judgement: Judgement, language: str) -> None:
    for name in ("amount", "currency", "issued_on"):
        score = judgement.of(language, name)
        assert score.right >= 0.9 * score.documents > 0, judgement.lines
