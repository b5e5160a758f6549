"""The card's messages are a static file, made from the translations of this version."""

from runs.management.commands.card_words import CATALOGUE_PATH, render_catalogue


def test_the_cards_messages_are_up_to_date() -> None:
    assert CATALOGUE_PATH.read_text(encoding="utf-8") == render_catalogue(), "run `make messages`"


def test_every_message_is_translated() -> None:
    hebrew = render_catalogue().partition('"he": {')[2]
    words = [line.partition('": ')[2] for line in hebrew.splitlines() if '": "' in line]
    assert len(words) > 60
    assert [word for word in words if not any("א" <= letter <= "ת" for letter in word) and word != '"{n} / s",'] == []
