"""The card's messages are a static file, made from the translations of this version."""

from django.contrib.auth.models import User
from django.test import Client

from runs.management.commands.write_card_messages import CATALOGUE_PATH, render_catalogue


def test_the_cards_messages_are_up_to_date() -> None:
    assert CATALOGUE_PATH.read_text(encoding="utf-8") == render_catalogue(), "run `make messages`"


def test_every_message_is_translated() -> None:
    hebrew = render_catalogue().partition('"he": {')[2]
    words = [line.partition('": ')[2] for line in hebrew.splitlines() if '": "' in line]
    assert len(words) > 60
    assert [word for word in words if not any("א" <= letter <= "ת" for letter in word) and word != '"{n} / s",'] == []


def test_the_examples_speak_of_the_work_that_their_heading_names(client: Client, member_a: User) -> None:
    client.force_login(member_a)
    data = client.get("/card/").context["card_data"]
    assert data["heading"] == "Receipt sync"
    assert {example["run"]["details"]["about"]["unit"] for example in data["examples"]} == {"messages"}
