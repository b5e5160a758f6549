"""What a search in recordings finds, in which order, how it is shown, and by which indexes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, product
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from recordings.models import Call, Source
from recordings.search.hebrew import PREFIXES
from recordings.search.numbers import parse_phone_digits
from recordings.search.query import Search
from runs.models import Business
from tests.telephony import NOON, find_calls, folder_source

LIST = "/api/recordings/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(business_a: Business) -> Source:
    return folder_source(business_a, Path("/nowhere"))


def make_transcribed_call(source: Source, call_id: str, text: str, language: str = "he", **fields: Any) -> Call:
    fields = {"started_at": NOON, "duration": 9.0, "direction": "inbound", **fields}
    call = Call.objects.create(
        business=source.business, source=source, call_id=call_id, location="x", file="x", **fields
    )
    call.store_transcript([{"start": 0, "end": 1, "text": text}], language)
    return call


class Finder:
    """Asks the API of business A."""

    def __init__(self, client: APIClient) -> None:
        self.client = client

    def rows(self, search: str, **query: Any) -> list[dict[str, Any]]:
        parameters: dict[str, Any] = {"business": "business-a", "search": search, **query}
        answer = self.client.get(LIST, parameters)
        assert answer.status_code == 200, answer.content
        return list(answer.json()["results"])

    def __call__(self, search: str, **query: Any) -> list[str]:
        return [row["call_id"] for row in self.rows(search, **query)]

    def pages(self, search: str) -> Iterator[list[str]]:
        """From the first page to the last, and back."""
        page = self.client.get(LIST, {"business": "business-a", "search": search, "page_size": "2"}).json()
        yield [row["call_id"] for row in page["results"]]
        for link in ("next", "previous"):
            while page[link]:
                page = self.client.get(page[link]).json()
                yield [row["call_id"] for row in page["results"]]


@pytest.fixture
def find(as_member_a: APIClient) -> Finder:
    return Finder(as_member_a)


# Words


FORMS = {  # the transcript, and searches that find it
    "קיבלתי את החשבונית אתמול": ("חשבונית", "החשבונית", "לחשבונית", "חשבוניות", '"את חשבונית"', "חשבונית אתמול"),
    "חזרתי מהמרפאה": ("מרפאה", "המרפאה", "מרפאות"),
    "וכשהטכנאי יגיע": ("טכנאי", "טכנאים"),
    "ביטול התור": ("תור", "תורים"),
    "the technician's invoices": ("technicians", "technician", "invoice", "Invoices", '"technician\'s invoice"'),
    "is it not now": ("not now", '"is it not"'),
    "pre-paid, at 12:30": ("pre-paid", "prepaid or pre-paid", "12:30"),
    'הגשתי בדו"ח': ('דו"ח', "דו״ח", "דו”ח"),
    "עלה ₪ ולעו״ד": ('עו"ד',),
    "בבית ספר": ('"בית ספר"', "בֵּית סֵפֶר", "בית-ספר", "בית־ספר", "“בית ספר”"),
    "נגמר ב-1,500 או": ("1500", "1,500"),
    "נגמר ב-12:45 או": ("12:45",),
    "בעיית חיבור": ("בעיה", "בעיות"),
    "עוד שתי דקות": ("דקה",),
    "שעה אחת": ("שעות",),
    "כרטיסי כניסה": ("כרטיס",),
    "מגוון שירותים": ("שירות",),
}


def test_words_are_found_in_their_forms(find: Finder, source: Source) -> None:
    for text in FORMS:
        make_transcribed_call(source, text, text, "he" if "א" <= text[-1] <= "ת" else "en")
    make_transcribed_call(source, "de", "Die Rechnungen sind bezahlt", "de")
    make_transcribed_call(source, "ru", "оплатите счета", "ru")
    for text, searches in FORMS.items():
        for search in searches:
            assert find(search) == [text], search
    assert (find("Rechnung"), find("bezahlt die"), find("счетов")) == (["de"], ["de"], ["ru"])


def test_words_that_only_share_an_ending_are_not_found(find: Finder, source: Source) -> None:
    make_transcribed_call(source, "payment", "התשלום עבר תודה רבה")
    make_transcribed_call(source, "hello", "ושלום לכולם")
    assert find("שלום") == ["hello"]
    assert find("הרבה") == [], "a short word is searched for with the letter that it begins with"
    assert find("-תשלום") == ["hello"], "what must be missing is missing in all its forms"
    assert find('"רבה תודה"') == find("the") == []


def test_hebrew_prefixes_are_those_of_the_database(source: Source) -> None:
    make_transcribed_call(source, "1", " ".join(prefix + "חשבונית" for prefix in PREFIXES))
    with connection.cursor() as cursor:
        cursor.execute("SELECT positions FROM recordings_call, unnest(search) WHERE lexeme = 'חשבונית'")
        assert cursor.fetchall() == [(list(range(1, len(PREFIXES) + 1)),)]


def test_exact_matches_come_before_other_forms(find: Finder, source: Source) -> None:
    hours = {"number": 3, "book": 1, "the book": 2, "book too": 0}
    texts = {"number": "מספר הזמנה", "book": "קניתי ספר", "the book": "הספר הגיע", "book too": "עוד ספר"}
    for call_id, text in texts.items():
        make_transcribed_call(source, call_id, text, started_at=NOON + timedelta(hours=hours[call_id]))
    assert find("ספר") == ["book", "book too", "number", "the book"]


def test_pages_have_every_match_once_in_both_directions(find: Finder, source: Source) -> None:
    moments: list[datetime | None] = [None, None, NOON, NOON, NOON - timedelta(days=1)]
    for (text, moment), number in zip(product(("תור", "התור"), moments), range(10), strict=True):
        make_transcribed_call(source, str(number), text, started_at=moment)
    *forth, last, a, b, c, d = find.pages("תור")
    assert [*chain(*forth, last)] == ["1", "0", "3", "2", "4", "6", "5", "8", "7", "9"]
    assert [d, c, b, a] == forth
    assert list(find.pages("תור קרוב")) == [[]]


def test_a_partial_transcript_is_not_searched(find: Finder, source: Source) -> None:
    call = Call.objects.create(business=source.business, source=source, call_id="1", location="x", file="x")
    call.store_part([{"start": 0, "end": 1, "text": "חשבונית"}], 1.0, "he")
    assert find("חשבונית") == []
    call.store_transcript(call.segments, "he")
    assert find("חשבונית") == ["1"]


def test_a_transcript_of_rare_words_only_can_be_stored(source: Source) -> None:
    letters = "אבגדהוזחטיכלמנסעפצקרשת"
    words = ("ושכשמה" + "".join(end) for end in product(letters, repeat=4))
    call = make_transcribed_call(source, "1", " ".join(words))
    assert len(call.transcript) == 250_000
    assert find_calls("ושכשמהאבגד") == [call]


# Numbers, days, directions


def test_a_number_is_found_however_it_is_written(find: Finder, source: Source) -> None:
    for stored in ("0501234567", "+972501234567", "972-50-1234567", "050 123 4567"):
        make_transcribed_call(source, stored, "", number=stored)
    make_transcribed_call(source, "another's", "", number="0521234567")
    make_transcribed_call(source, "in the transcript", "התקשרו אל 0501234567")
    make_transcribed_call(source, "in groups", "התקשרו אל 050-123-4567")
    theirs = ["050 123 4567", "972-50-1234567", "+972501234567", "0501234567"]
    assert find("050-123-4567") == [*theirs, "in groups", "in the transcript"]
    for way in ("+972 50-123-4567", "972501234567", "00972501234567", "\u200e(050) 1234567\u200f"):
        assert find(way) == theirs
    assert find("0501234567") == [*theirs, "in the transcript", "in groups"]
    assert find("+44 20 7946 0958") == find("0000000000") == []


def test_an_extension_does_not_match_the_end_of_a_number(find: Finder, source: Source) -> None:
    make_transcribed_call(source, "internal", "", number="101")
    make_transcribed_call(source, "external", "", number="0501234101")
    assert find("101") == ["internal"]


def test_a_searched_number_is_reduced_to_its_national_digits() -> None:
    assert parse_phone_digits("+44 20 7946 0958") == parse_phone_digits("020 7946 0958") == "2079460958"
    assert not any(map(parse_phone_digits, ("-101", '"101"', "5", "1" * 18, "a1", "")))


def test_a_search_is_narrowed_by_direction_and_days(find: Finder, source: Source) -> None:
    make_transcribed_call(source, "in", "תור")
    make_transcribed_call(source, "out", "תור", direction="outbound")
    make_transcribed_call(source, "later", "תור", started_at=NOON + timedelta(days=1))
    make_transcribed_call(source, "undated", "תור", started_at=None)
    assert find("תור", direction="outbound") == ["out"]
    assert find("תור", from_date="2024-11-06") == ["later"]
    assert find("תור", to_date="2024-11-05") == ["out", "in"]


def test_another_business_is_not_searched(find: Finder, source: Source, business_b: Business) -> None:
    make_transcribed_call(folder_source(business_b, Path("/nowhere")), "b", "תור", number="0501234567")
    assert find("תור") == find("0501234567") == []


# Snippets


def test_a_snippet_marks_matches_and_escapes_the_rest(find: Finder, source: Source) -> None:
    call = make_transcribed_call(
        source, "1", f"{'מילים ' * 200} <img src=x onerror=alert(1)> \ue000 & הטכנאי \ue001 יגיע {'ועוד ' * 200}"
    )
    [row] = find.rows("טכנאי")
    assert "&amp; <mark>הטכנאי</mark>" in " ".join(row["snippet"].split())
    assert "<" not in row["snippet"].replace("<mark>", "").replace("</mark>", "")
    assert "\ue000" not in row["snippet"]
    make_transcribed_call(source, "2", "the technician came", "en")
    assert find.rows("technicians")[0]["snippet"] == "<mark>technician</mark> came"
    call.delete()
    [row] = find.client.get(LIST, {"business": "business-a"}).json()["results"]
    assert row["snippet"] is None


# Strangers


HOSTILE = [
    *("-" * 33, "- " * 33, '"' * 101, "or or or", "& | ! ( ) : * <-> '", "'; DROP TABLE x; --", "\\", "'\\''", "²"),
    *(
        "\u0301",
        "the",
        ":*",
        "a:*&!b",
        "0תור",
        "ה" * 200,
        "הה בב וו " * 22,
        "1" * 200,
        "é" * 200,
        "٠٥٠١٢٣٤٥٦٧",
        "a " * 100,
        'ש"ח ' * 50,
        "050-1234567 " * 16,
    ),
]


def test_no_search_text_causes_an_error(find: Finder, source: Source, as_member_a: APIClient) -> None:
    make_transcribed_call(source, "1", "תור")
    for search in HOSTILE:
        find(search)
    for search in ("x" * 201, "x" * 10_000, "a\0b", ""):
        answer = as_member_a.get(LIST, {"business": "business-a", "search": search})
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "search")
    for cursor in ("x", "cD0x", "cD0xK3VuZGF0ZWQrOTk5OTk5OTk5OTk5OTk5OTk5OTk5OQ=="):
        answer = as_member_a.get(LIST, {"business": "business-a", "search": "תור", "cursor": cursor})
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "cursor")


# Indexes


def plans_of(find: Finder, search: str) -> str:
    with CaptureQueriesContext(connection) as queries:
        find(search)
    statements = [query["sql"] for query in queries if "@@" in query["sql"] or "digits_backwards" in query["sql"]]
    with connection.cursor() as cursor:  # with the search's own settings: it is the same transaction
        return "\n".join(row for sql in statements for (row,) in cursor.execute(f"EXPLAIN {sql}") or cursor.fetchall())


def test_every_search_uses_an_index(find: Finder, source: Source) -> None:
    rows = [Call(business=source.business, source=source, call_id=str(n), file="x", number=str(n)) for n in range(500)]
    Call.objects.bulk_create(rows)
    Call.objects.update(
        transcript=Concat(Value("תור רופא "), Value("w"), F("call_id"), Value(" more" * 90)), started_at=NOON
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE recordings_call")
    for search, index in (("w444", "call_search"), ("תור w444", "call_search"), ("050-1234567", "call_number")):
        plans = plans_of(find, search)
        assert index in plans, plans
        assert "Seq Scan on recordings_call" not in plans


def test_a_search_is_parsed_into_terms() -> None:
    search = Search.parse('חשבונית "in words" -paid')
    assert [term.words for term in search.groups[0]] == ["חשבונית", "in words"]
    assert [term.words for term in search.missing] == ["paid"]
    assert not search.is_one_word
    assert Search.parse("x").is_one_word
    assert not any(Search.parse(text).is_one_word for text in ('דו"ח', "12:30", "בית-ספר", '"x"', "-x", "a or b"))
    assert not Search.parse('- "" -- ')
