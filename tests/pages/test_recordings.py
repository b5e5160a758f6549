"""The recordings page, in a real browser: start, watch, listen, go to a line, search."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import Page, expect
from pytest_django import Settings

from demo import calls
from recordings.collection.collect import collect
from recordings.models import Call, RecordingRun, Source
from runs.models import Business
from tests.actors import work_through
from tests.browser import Open
from tests.telephony import NOON, collect_source, folder_source, wav

PAGE = "/b/business-a/recordings/"
LISTEN = re.compile("Listen to the call")
HAVE_ENOUGH_DATA = 4  # of HTMLMediaElement
SENTENCES = ["Good afternoon, this is the bakery.", "We close at seven.", "<b>Bring</b> bread."]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def source(business_a: Business) -> Source:
    return folder_source(business_a, calls.FOLDERS["business-a"], language="en")


def make_call(source: Source, number: int = 1, sentences: list[str] = SENTENCES, **fields: Any) -> Call:
    call = Call.objects.create(
        business=source.business,
        source=source,
        call_id=f"call-{number}",
        location="x",
        **{"number": f"05{number}", "started_at": NOON, "duration": 12.0, "content_type": "audio/wav", **fields},
    )
    call.file.save(f"recordings/made-{call.pk}", ContentFile(wav(12.0)))  # beside a business's folder
    if sentences:
        lines = [{"start": 4.0 * n, "end": 4.0 * n + 3, "text": text} for n, text in enumerate(sentences)]
        lines[0]["speaker"] = "agent"
        call.store_transcript(lines, "en")
    return call


# What the server writes


@pytest.fixture
def as_a(client: Client, member_a: User) -> Client:
    client.force_login(member_a)
    return client


def test_calls_are_listed_with_what_is_said_in_them(as_a: Client, source: Source) -> None:
    make_call(source, 1)
    make_call(source, 2, sentences=[], content_type="audio/x-gsm")
    html = as_a.get(PAGE).content.decode()
    assert "Agent: Good afternoon, this is the bakery." in html
    assert "&lt;b&gt;Bring&lt;/b&gt; bread." in html
    assert "Not transcribed yet." in html
    assert html.count("data-call=") == 1, "a call without a transcript that browsers can't play has no button"
    assert " style=" not in html


def test_a_call_in_which_nobody_speaks_is_told_from_one_that_waits(as_a: Client, source: Source) -> None:
    make_call(source, 1, sentences=[]).store_transcript([], "en")
    html = as_a.get(PAGE).content.decode()
    assert "There is no speech in this recording." in html
    assert "Not transcribed yet." not in html


def test_what_is_searched_for_is_marked_where_it_is_said(as_a: Client, source: Source) -> None:
    make_call(source, 1)
    make_call(source, 2, sentences=["Something else."])
    html = as_a.get(PAGE, {"search": "bread"}).content.decode()
    assert "<mark>bread</mark>" in html
    assert "<b>" not in html
    assert "Something else" not in html
    for nothing in ("zebra", "'; --", '"', "-" * 33, "- " * 33):
        assert as_a.get(PAGE, {"search": nothing}).status_code == 200
    assert as_a.get(PAGE, {"search": "\0"}).status_code == 400
    assert "No transcript matches" in as_a.get(PAGE, {"search": "zebra"}).content.decode()


def test_a_search_is_narrowed_and_turned_over_without_a_script(as_a: Client, source: Source) -> None:
    for number in range(22):
        make_call(source, number, sentences=["The technicians came."], direction="inbound")
    make_call(source, 30, sentences=["A technician, once more."], direction="outbound")
    query = {"search": "technician", "direction": "inbound", "to_date": "2024-11-05"}
    html = as_a.get(PAGE, query).content.decode()
    assert html.count("<mark>technicians</mark>") == 20
    assert '<option value="inbound" selected>' in html
    [more] = re.findall(r'rel="next" href="([^"]*)"', html)
    html = as_a.get(more.replace("&amp;", "&")).content.decode()
    assert html.count("<mark>technicians</mark>") == 2
    assert 'rel="prev"' in html
    fragment = as_a.get(f"{PAGE}found/", query).content.decode()
    assert f'rel="next" href="{PAGE}?cursor=' in fragment
    for odd in ({"cursor": "cut"}, {"page_size": "x"}, {"search": "technician" * 1000}, {"page": "x", "search": ""}):
        assert as_a.get(PAGE, {**query, **odd}).status_code == 200


def test_errors_of_a_search_are_shown_beside_their_field(as_a: Client, source: Source) -> None:
    make_call(source, 1)
    html = as_a.get(PAGE, {"from_date": "2024-11-09", "to_date": "2024-11-01"}).content.decode()
    assert "The last day is before the first." in html
    assert "No calls match." in html
    html = as_a.get(PAGE, {"direction": "<up>", "from_date": "0001-01-01", "to_date": "x"}).content.decode()
    assert "&lt;up&gt; is not one of the available choices" in html
    assert "data-call=" in html


def test_without_a_source_the_page_says_so(as_a: Client, business_a: Business) -> None:
    assert "no source of recordings yet" in as_a.get(PAGE).content.decode()


def test_another_business_is_not_there(as_a: Client, business_b: Business) -> None:
    for page in ("/b/business-b/recordings/", "/b/business-b/recordings/found/"):
        assert as_a.get(page).status_code == 404


def test_long_pages_need_as_many_queries_as_short_ones(as_a: Client, source: Source) -> None:
    def price() -> int:
        with CaptureQueriesContext(connection) as queries:
            as_a.get(PAGE)
        return len(queries)

    make_call(source, 1)
    before = price()
    for number in range(2, 6):
        make_call(source, number)
    assert price() == before


def test_the_page_is_translated_to_hebrew(as_a: Client, source: Source) -> None:
    as_a.post("/language/", {"language": "he", "next": PAGE})
    html = as_a.get(PAGE).content.decode()
    assert "הורדה ותמלול" in html
    assert "חיפוש בתמלולים" in html


# In the browser


def listen(page: Page) -> None:
    """Until the whole sound has come: the server would still send it to a page that is closed."""
    page.locator("[data-call]").click()
    expect(page.locator("audio")).to_have_js_property("readyState", HAVE_ENOUGH_DATA)


@pytest.mark.needs("chromium")
def test_a_line_leads_to_its_place_in_the_call(open_page: Open, source: Source) -> None:
    make_call(source)
    page = open_page(path=PAGE)
    listen(page)
    expect(page.locator("#player")).to_be_visible()
    expect(page.locator("[data-lines] li")).to_have_count(3)
    expect(page.locator("[data-lines] .who")).to_have_text(["Agent"])
    expect(page.locator("[data-lines] li").nth(2)).to_contain_text("<b>Bring</b> bread.")
    page.get_by_role("button", name="We close at seven.").click()
    page.wait_for_function("document.querySelector('audio').currentTime >= 4")
    expect(page.locator("[data-lines] [aria-current]")).to_contain_text("We close at seven.")
    page.locator("#player").get_by_role("button", name="Close", exact=True).click()
    expect(page.locator("#player")).to_be_hidden()
    expect(page.get_by_role("button", name=LISTEN)).to_be_focused()


@pytest.mark.needs("chromium")
def test_a_search_leads_to_the_line(open_page: Open, source: Source) -> None:
    make_call(source)
    make_call(source, 2, sentences=["Something else."])
    page = open_page(path=PAGE)
    page.get_by_role("searchbox").fill("seven")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("button", name=LISTEN)).to_have_count(1)
    listen(page)
    expect(page.locator("[data-lines] .found")).to_have_text(["0:04We close at seven."])


@pytest.mark.needs("chromium")
def test_a_run_is_started_and_its_calls_appear(open_page: Open, source: Source, messages: list[Any]) -> None:
    make_call(source)
    page = open_page(path=PAGE)
    page.get_by_label("Download", exact=True).check()
    page.locator("#start-recording").get_by_label("Direction").select_option("outbound")
    page.get_by_role("button", name="Fetch the recordings").click()
    expect(page.locator("[part=label]")).to_have_text("Waiting for a worker")
    run = RecordingRun.objects.get()
    assert (run.job_type, run.direction, run.from_date) == ("download", "outbound", None)
    assert messages == [("runs.work_on_queue", ["recordings"])]
    page.get_by_role("searchbox").fill("half a w")
    page.get_by_role("button", name=LISTEN).focus()
    work_through(run, collect)
    expect(page.locator("[part=label]")).to_have_text("Completed with 1 failure")
    expect(page.locator("#calls li")).to_have_count(3)
    expect(page.get_by_role("searchbox")).to_have_value("half a w")
    expect(page.get_by_role("button", name=LISTEN).and_(page.locator("[data-call]:focus"))).to_have_count(1)


@pytest.mark.needs("chromium")
def test_the_warnings_of_a_run_are_on_its_card(open_page: Open, source: Source) -> None:
    run = RecordingRun.objects.create(business=source.business, source=source)
    name = "<b>out-1-2.vox"
    run.store_left_out({"unknown_kind": {"count": 1, "names": [name]}})
    page = open_page(path=PAGE)
    expect(page.locator("[part=warnings] li")).to_have_text([f"1 recording has an unsupported format: {name}"])


@pytest.mark.needs("chromium")
def test_a_call_without_words_says_so_in_the_player(open_page: Open, source: Source) -> None:
    make_call(source, sentences=[]).store_transcript([], "en")
    page = open_page(path=PAGE)
    listen(page)
    expect(page.locator("[data-player-note=silent]")).to_be_visible()
    expect(page.locator("[data-player-note=none]")).to_be_hidden()


@pytest.mark.needs("chromium")
def test_a_phone_needs_no_sideways_scrolling(open_page: Open, source: Source) -> None:
    make_call(source)
    page = open_page(path=f"{PAGE}?search=seven", language="he")
    page.set_viewport_size({"width": 375, "height": 700})
    listen(page)
    expect(page.locator("#player")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


# The demo


def test_the_demo_has_calls_for_each_business(business_a: Business, business_b: Business, settings: Settings) -> None:
    settings.DEBUG = True
    for _ in range(2):
        call_command("seed_demo")
    assert Source.objects.count() == 2
    for source in Source.objects.all():
        assert collect_source(source).succeeded >= 3
        assert Path(source.folder).is_dir()
