"""The words of the card travel as a static file, and say what the catalogues of this version say."""

from runs.management.commands.card_words import CATALOGUE_PATH, render_catalogue


def test_the_browsers_words_are_made_from_todays_translations() -> None:
    assert CATALOGUE_PATH.read_text(encoding="utf-8") == render_catalogue(), "run `make messages`"


def test_no_word_is_left_in_english() -> None:
    hebrew = render_catalogue().partition('"he": {')[2]
    words = [line.partition('": ')[2] for line in hebrew.splitlines() if '": "' in line]
    assert len(words) > 60
    assert [word for word in words if not any("א" <= letter <= "ת" for letter in word) and word != '"{n} / s",'] == []
