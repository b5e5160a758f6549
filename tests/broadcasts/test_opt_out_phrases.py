"""Phrases that opt out, and texts in which their words mean something else."""

from __future__ import annotations

import pytest

from broadcasts.opt_out_phrases import OptOutRequest, parse_button, parse_request
from tests.processor_time import SHORTEST_SECONDS, seconds_of


@pytest.mark.parametrize(
    "text",
    [
        *("STOP", " stop! ", "Stop.", "STOP ALL", "Unsubscribe", "cancel", "opt-out", "«STOP»", "🛑 STOP 🛑"),
        "Stop promotions",
        *("please remove me", "Remove me from your list, thanks", "pls take me off", "unsubscribe me from this"),
        *("don’t send me messages", "Do not contact me again", "stop sending me these", "No more ads please"),
        "stop texting me",
        *("הסר", "הסר.", "הָסֵר", "\u200fהסר\u200f", "\u202bהסר\u202c", "הסירו", "להסרה", "די!!!", "הפסק", "עצור"),
        "סטופ",
        *("הסר אותי בבקשה", "תסירו אותי מהרשימה", "נא להסיר אותי מרשימת התפוצה", "תמחקו את המספר שלי", "אבקש להסיר"),
        *("תפסיקו לשלוח לי הודעות", "לא רוצה לקבל הודעות", "אל תשלחו לי יותר", "לא מעוניינת בפרסומות", "תורידו אותי"),
        *("הסרה מרשימת התפוצה", "די לשלוח לי", "הפסקת מבצעים", "отписаться", "توقف"),
        *("pls stop", "STOP STOP STOP", "stop spam!!", "Stop sending promotional messages", "quit texting me"),
        *("I don't want these messages", "i do not want to get any more messages", "remove this number"),
        "leave me alone",
        *("סטופ בבקשה", "הסר הסר הסר", "לא מעוניינת תודה", "אני מבקש שתסירו אותי", "לא רוצה יותר הודעות"),
        *("אל תכתבו לי יותר", "תפסיקו כבר", "נא להסיר", "עצור הודעות", "ביטול הרשמה"),
        *("أوقف", "تـوقـف", "إلغاء الاشتراك من فضلك", "احذفوني من القائمة", "لا تراسلني", "ما تبعتولي رسائل"),
        *("удалите меня, пожалуйста", "Отписаться от рассылки", "больше не пишите", "хватит"),
        "не присылайте мне сообщения",
    ],
)  # fmt: skip
def test_requests_to_stop(text: str) -> None:
    assert parse_request(text) == OptOutRequest.STOP


@pytest.mark.parametrize("text", ["START", "start!", "unstop", "Resume promotions", "התחל", "הצטרף", "Subscribe"])
def test_requests_to_start_again(text: str) -> None:
    assert parse_request(text) == OptOutRequest.START


@pytest.mark.parametrize(
    "text",
    [
        *("", "👍", "...", "hello", "Don't stop", "stop by tomorrow?", "When does the sale start?"),
        "I can't stop laughing",
        *("I want to cancel my appointment", "remove me from tomorrow's appointment", "please don't remove me"),
        *("Please do not unsubscribe me", "bus stop", "cancel order 17", "stopwatch", "remove the coupon"),
        *("רוצה ביטול תור", "ביטול", "אפשר לבטל את התור?", "להסיר אותי מהתור של מחר", "הסרט היה טוב", "אל תסירו אותי"),
        *("אל תפסיקו לשלוח", "תודה, די טוב", "איך מתחילים?", "אני רוצה להזמין", "הסר את הפריט מההזמנה"),
        *("הפסקת חשמל אצלנו", "אפשר בבקשה להסיר את הבצל מהמנה", "נא להסיר את החיוב"),
        *("רוצה להסיר שיער", "הורידו אותי בתחנה"),
        *("אל תשלחו לי את ההזמנה לפני 5", "לא רוצה לקבל את זה בבית", "ביטול רישום לקורס"),
        "remove me from the 5pm slot",
        *("why did you stop sending me messages?", "cancel please", "не удаляйте меня", "не присылайте мне счёт"),
        "لا تلغي الموعد",
    ],
)  # fmt: skip
def test_other_words_mean_something_else(text: str) -> None:
    assert parse_request(text) is None


@pytest.mark.parametrize(
    ("title", "payload", "expected"),
    [
        ("Stop promotions", "", OptOutRequest.STOP),
        ("No thanks", "STOP_PROMOTIONS", OptOutRequest.STOP),
        ("Start", "stop", OptOutRequest.STOP),
        ("Resume promotions", "choice-1", OptOutRequest.START),
        ("Cancel", "cancel", None),
        ("ביטול התור", "cancel", None),
        ("Next", "end", None),
    ],
)
def test_a_button_named_cancel_is_no_opt_out(title: str, payload: str, expected: OptOutRequest | None) -> None:
    assert parse_button(title, payload) == expected


@pytest.mark.parametrize("unit", ["remove ", "stop sending ", "don't ", "א", "״", "🛑", "\u202e", "ﷺ", "הסר אותי תור "])
def test_a_megabyte_of_text_takes_hardly_longer_than_a_hundredth_of_it(unit: str) -> None:
    """Only its beginning is read: all of it would take a hundred times as long."""
    hundredth, whole = (seconds_of(parse_request, unit * (size // len(unit))) for size in (10_000, 1_000_000))
    assert whole < 30 * max(hundredth, SHORTEST_SECONDS)
