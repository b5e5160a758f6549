"""Reading a mailbox: large messages, deleted ones, and those that the server can't deliver."""

import imaplib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from demo.mailboxes.server import ServedMailbox, Server, StoredMail, serve
from receipts.mailbox import imap_client
from receipts.mailbox import inbox as inbox_module
from receipts.mailbox.account import Account, InboxUnreachable
from receipts.mailbox.fetch_command import format_uid_set
from receipts.mailbox.fetch_failures import MAX_GIVEN_UP, MAX_TRIES, FetchFailures
from receipts.mailbox.inbox import Inbox
from receipts.mailbox.letter import Letter
from receipts.mailbox.letter_fetcher import LetterFetcher
from tests.post import slowed
from tests.workers import until

FIRST_DAY = datetime(2024, 5, 1, 12, tzinfo=UTC)
MANY = 1_300  # more than one command for sizes covers
MB = 1_000_000


def mail(uid: int, *, size: int = 200, padded_to: int = 0) -> StoredMail:
    raw = f"Subject: mail {uid}\r\n\r\n".encode().ljust(size, b".")
    return StoredMail(uid, FIRST_DAY + timedelta(days=uid), raw, padded_to)


@contextmanager
def serve_mails(*mails: StoredMail) -> Iterator[tuple[Server, Account]]:
    with serve([ServedMailbox("dana", "pw", 7, mails)]) as server:
        yield server, Account("127.0.0.1", server.port, "plain", "dana", "pw", timeout=10)


open_inbox = partial(inbox_module.open_inbox, max_bytes=10 * MB)


def fetch_letters(inbox: Inbox, uids: Sequence[int], *, max_bytes: int = MB) -> Iterator[Letter]:
    letters = LetterFetcher(inbox, uids, max_bytes=max_bytes)
    return (letters.take_letter(uid) for uid in uids)


def test_uids_come_ascending_and_only_above_the_last_one() -> None:
    with serve_mails(*map(mail, (3, 9, 12))) as (_, account), open_inbox(account) as inbox:
        assert inbox.uids() == [3, 9, 12]
        assert inbox.uids(after=3) == [9, 12]
        assert inbox.uids(after=12) == []
        assert inbox.uids(after=500) == []


def test_an_empty_mailbox_has_no_uids() -> None:
    with serve_mails() as (_, account), open_inbox(account) as inbox:
        assert inbox.uids() == []
        assert list(fetch_letters(inbox, [])) == []


def test_both_days_belong_to_a_range() -> None:
    with serve_mails(*map(mail, range(1, 9))) as (_, account), open_inbox(account) as inbox:
        assert inbox.uids(since=date(2024, 5, 4), before=date(2024, 5, 6)) == [3, 4, 5]
        assert inbox.uids(after=4, since=date(2024, 5, 4)) == [5, 6, 7, 8]
        assert inbox.uids(before=date(2024, 5, 2)) == [1]
        assert inbox.uids(since=date.min, before=date.max) == inbox.uids(), "the ends of the calendar are no error"


def test_every_message_arrives_whole_and_in_order() -> None:
    mails = [mail(uid) for uid in range(1, MANY + 1)]
    with serve_mails(*mails) as (_, account), open_inbox(account) as inbox:
        letters = list(fetch_letters(inbox, inbox.uids()))
    assert [letter.uid for letter in letters] == [sent.uid for sent in mails]
    assert all(letter.raw == sent.raw for letter, sent in zip(letters, mails, strict=True))


def test_small_messages_share_a_command_and_large_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    mails = [mail(1), mail(2), mail(3, size=3 * MB), mail(4, size=5 * MB), mail(5), *map(mail, range(6, 70))]
    requested: list[list[int]] = []
    original = Inbox.begin_bodies

    def spy(self: Inbox, uids: Sequence[int], *, max_bytes: int) -> Callable[[], dict[int, bytes]]:
        requested.append(list(uids))
        return original(self, uids, max_bytes=max_bytes)

    monkeypatch.setattr(Inbox, "begin_bodies", spy)
    with serve_mails(*mails) as (_, account), open_inbox(account) as inbox:
        letters = list(fetch_letters(inbox, inbox.uids(), max_bytes=10 * MB))
    assert requested == [[1, 2, 3], [4], list(range(5, 55)), list(range(55, 70))]
    assert [letter.size for letter in letters[2:4]] == [3 * MB, 5 * MB]


def test_a_message_above_the_limit_is_never_fetched() -> None:
    huge = mail(2, padded_to=200 * MB)
    with serve_mails(mail(1), huge, mail(3)) as (_, account), open_inbox(account) as inbox:
        letters = list(fetch_letters(inbox, inbox.uids()))
    assert letters[1] == Letter(2, 200 * MB, None, too_large=True)
    assert letters[0].raw
    assert letters[2].raw


def test_a_message_whose_size_the_server_understated_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inbox, "sizes", lambda self, uids: dict.fromkeys(uids, 10))
    with serve_mails(mail(1, size=5_000)) as (_, account), open_inbox(account) as inbox:
        [letter] = fetch_letters(inbox, [1], max_bytes=1_000)
    assert (letter.raw, letter.too_large) == (None, True)


def test_a_message_deleted_meanwhile_is_reported_as_vanished() -> None:
    with serve_mails(*map(mail, range(1, 4))) as (server, account), open_inbox(account) as inbox:
        uids = inbox.uids()
        server.expunge("dana", [2])
        letters = list(fetch_letters(inbox, [*uids, 99]))
    assert [letter.vanished for letter in letters] == [False, True, False, True]


def test_reading_marks_nothing_as_seen() -> None:
    with serve_mails(mail(1)) as (_, account):
        for _round in range(2):
            with open_inbox(account) as inbox:
                list(fetch_letters(inbox, inbox.uids()))
                [flags] = inbox.begin_fetch([1], "(FLAGS)")()
                assert b"\\Seen" not in flags


def test_messages_may_be_left_out() -> None:
    with serve_mails(*map(mail, range(1, 200))) as (_, account), open_inbox(account) as inbox:
        letters = LetterFetcher(inbox, inbox.uids(), max_bytes=MB)
        taken = [letters.take_letter(uid) for uid in (1, 2, 60, 61, 199)]
    assert [letter.raw for letter in taken] == [mail(uid).raw for uid in (1, 2, 60, 61, 199)]


def test_a_large_message_beats_while_it_arrives() -> None:
    beats: list[bool] = []
    with (
        serve_mails(mail(1, size=5 * MB)) as (_, account),
        open_inbox(account, beat=lambda: beats.append(True)) as inbox,
    ):
        [letter] = fetch_letters(inbox, [1], max_bytes=10 * MB)
    assert len(letter.raw or b"") == 5 * MB
    assert len(beats) >= 5 * MB // 65_536


def test_a_server_that_sends_more_than_was_requested_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inbox, "sizes", lambda self, uids: dict.fromkeys(uids, 10))
    with serve_mails(mail(1, size=50_000)) as (_, account), open_inbox(account, max_bytes=1_000) as inbox:
        letters = LetterFetcher(inbox, [1], max_bytes=40_000)
        with pytest.raises(InboxUnreachable):
            letters.take_letter(1)


@contextmanager
def chattering(noise: bytes) -> Iterator[Account]:
    """The account of a server that accepts every command, and says more than it was asked."""

    def talk() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines, suppress(ConnectionError):
            connection.sendall(b"* OK ready\r\n")
            for line in lines:
                answer = b"* CAPABILITY IMAP4rev1\r\n" if b"CAPABILITY" in line else noise
                connection.sendall(answer + line.split()[0] + b" OK done\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield Account("127.0.0.1", listener.getsockname()[1], "plain", "dana", "pw", timeout=10)
        thread.join(timeout=10)


def test_what_a_server_says_unasked_is_not_kept() -> None:
    with (
        chattering(b"* 5 EXISTS\r\n* JUNK x\r\n* OK [OTHER x] y\r\n" * 99) as account,
        open_inbox(account) as inbox,
    ):
        kept = inbox._connection.client.untagged_responses
        assert kept.keys() <= {"EXISTS", "OK"}, "after the folder was opened"
        for _ in range(2):
            assert inbox.sizes([1]) == {}
            assert not kept


def test_what_a_server_says_unasked_counts_as_part_of_its_response(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = b"* JUNK x\r\n" * 10_000
    monkeypatch.setattr("receipts.mailbox.imap_client.MAX_OTHER_BYTES", len(noise) // 2)
    with chattering(noise) as account, pytest.raises(InboxUnreachable), open_inbox(account, max_bytes=1_000):
        pass


# Servers that are slow


@pytest.fixture
def seconds_a_piece(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """`seconds_a_piece(0.02)`: the client's clock goes on by so much for each piece that arrives, whatever it takes."""
    now = [0.0]
    monkeypatch.setattr(imap_client, "time", SimpleNamespace(monotonic=lambda: now[0]))
    count_received = imap_client.BoundedIMAP._count_received

    def advance_by(seconds: float) -> None:
        def count(self: imap_client.BoundedIMAP, piece: bytes) -> bytes:
            now[0] += seconds
            return count_received(self, piece)

        monkeypatch.setattr(imap_client.BoundedIMAP, "_count_received", count)

    return advance_by


@pytest.mark.parametrize("after", [0, 500])
def test_a_server_that_sends_too_slowly_is_disconnected_and_waiting_beats(
    after: int, seconds_a_piece: Callable[[float], None]
) -> None:
    """In its greeting, or in the middle of a message."""
    seconds_a_piece(0.02)
    beats: list[bool] = []
    with (
        serve_mails(mail(1, size=50_000)) as (server, account),
        slowed(server.port, after=after, piece=1, seconds=0.02) as port,
        pytest.raises(InboxUnreachable),
        open_inbox(replace(account, port=port, timeout=0.5), beat=lambda: beats.append(True)) as inbox,
    ):
        fetch_letters(inbox, inbox.uids())
    assert len(beats) > 10


def test_a_large_message_on_a_slow_but_steady_line_is_read(seconds_a_piece: Callable[[float], None]) -> None:
    seconds_a_piece(0.04)
    letter = mail(1, size=20_000)
    with (
        serve_mails(letter) as (server, account),
        slowed(server.port, after=500, piece=1_000, seconds=0.04) as port,
        open_inbox(replace(account, port=port, timeout=0.3)) as inbox,
    ):
        assert [letter.raw for letter in fetch_letters(inbox, [1])] == [letter.raw]


def test_our_own_server_stops_answering_a_client_that_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    handed_out: list[int] = []
    mails = [mail(uid, padded_to=MB) for uid in range(1, 41)]
    with serve([ServedMailbox("dana", "pw", 7, mails, on_fetch=handed_out.append)]) as server:
        with socket.create_connection((server.host, server.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # as a killed one
            client.sendall(b"1 LOGIN dana pw\r\n2 SELECT INBOX\r\n3 FETCH 1:40 BODY.PEEK[]\r\n")
            until(lambda: bool(handed_out))
        for _ in range(3):  # others are served meanwhile
            with open_inbox(Account(server.host, server.port, "plain", "dana", "pw", timeout=10)) as inbox:
                assert len(inbox.uids()) == len(mails)
    assert len(handed_out) < len(mails)
    assert "socket.send() raised exception" not in caplog.text


# Servers that close the connection over one message


@pytest.fixture
def undeliverable(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Uids of messages over which the server closes the connection."""
    uids: set[int] = set()
    original = Inbox.begin_fetch

    def begin_fetch(self: Inbox, wanted: Sequence[int], parts: str) -> Callable[[], list[Any]]:
        return hang_up if "BODY" in parts and uids.intersection(wanted) else original(self, wanted, parts)

    def hang_up() -> NoReturn:
        raise InboxUnreachable("It hung up.", "The connection was lost") from imaplib.IMAP4.abort()

    monkeypatch.setattr(Inbox, "begin_fetch", begin_fetch)
    return uids


def read_over_connections(account: Account, uids: Sequence[int], *, connections: int) -> list[Letter]:
    """As a sync does it: each new connection continues after the last message that was taken."""
    failures = FetchFailures()
    taken: list[Letter] = []
    for _connection in range(connections):
        with open_inbox(account) as inbox:
            left = uids[len(taken) :]
            letters = LetterFetcher(inbox, left, max_bytes=MB, failures=failures)
            try:
                for uid in left:
                    taken.append(letters.take_letter(uid))
            except InboxUnreachable:
                continue
            break
    return taken


def test_one_message_that_ends_every_connection_is_given_up_alone(undeliverable: set[int]) -> None:
    undeliverable.add(7)
    with serve_mails(*map(mail, range(1, 121))) as (_, account):
        letters = read_over_connections(account, range(1, 121), connections=1 + MAX_TRIES + 1)
    assert [letter.uid for letter in letters if letter.given_up] == [7]
    assert [letter.raw for letter in letters if not letter.given_up] == [
        mail(uid).raw for uid in range(1, 121) if uid != 7
    ]


def test_a_server_that_delivers_nothing_does_not_fail_all_its_messages(undeliverable: set[int]) -> None:
    undeliverable.update(range(1, 31))
    with serve_mails(*map(mail, range(1, 31))) as (_, account):
        letters = read_over_connections(account, range(1, 31), connections=100)
    assert [letter.given_up for letter in letters] == [True] * MAX_GIVEN_UP


def test_new_mail_shows_when_the_inbox_is_opened_again() -> None:
    with serve_mails(mail(1)) as (server, account):
        with open_inbox(account) as inbox:
            assert inbox.uids(after=1) == []
        server.deliver("dana", mail(2))
        with open_inbox(account) as inbox:
            assert inbox.uids(after=1) == [2]


def test_uid_sets_are_written_short() -> None:
    assert format_uid_set([1, 2, 3, 7, 9, 10]) == "1:3,7,9:10"
