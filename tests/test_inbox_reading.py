"""Reading a mailbox: a stream that survives big mail, vanished mail and lost connections."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta

import pytest

from receipts import inbox as inbox_module
from receipts.demo.server import ServedMailbox, Server, StoredMail, serve
from receipts.inbox import Account, InboxLost, InboxRenumbered, Letter, open_inbox
from runs.exceptions import RunRejected

FIRST_DAY = datetime(2024, 5, 1, 12, tzinfo=UTC)
MANY = 1_300  # more than one question for sizes holds
MB = 1_000_000


def mail(uid: int, *, size: int = 200, padded_to: int = 0) -> StoredMail:
    raw = f"Subject: mail {uid}\r\n\r\n".encode().ljust(size, b".")
    return StoredMail(uid, FIRST_DAY + timedelta(days=uid), raw, padded_to)


@contextmanager
def served(*mails: StoredMail) -> Iterator[tuple[Server, Account]]:
    with serve([ServedMailbox("dana", "pw", 7, mails)]) as server:
        yield server, Account("127.0.0.1", server.port, "plain", "dana", "pw", timeout=10)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "RECONNECT_PAUSES", (0.0, 0.0, 0.0))


def test_uids_come_ascending_and_only_above_the_last_one() -> None:
    with served(*map(mail, (3, 9, 12))) as (_, account), open_inbox(account) as inbox:
        assert inbox.uids() == [3, 9, 12]
        assert inbox.uids(after=3) == [9, 12]
        assert inbox.uids(after=12) == []
        assert inbox.uids(after=500) == []


def test_an_empty_mailbox_has_no_uids() -> None:
    with served() as (_, account), open_inbox(account) as inbox:
        assert inbox.uids() == []
        assert list(inbox.fetch([], max_bytes=MB)) == []


def test_both_days_belong_to_a_range() -> None:
    with served(*map(mail, range(1, 9))) as (_, account), open_inbox(account) as inbox:
        assert inbox.uids(since=date(2024, 5, 4), before=date(2024, 5, 6)) == [3, 4, 5]
        assert inbox.uids(after=4, since=date(2024, 5, 4)) == [5, 6, 7, 8]
        assert inbox.uids(before=date(2024, 5, 2)) == [1]
        assert inbox.uids(since=date.min, before=date.max) == inbox.uids(), "the ends of the calendar are no error"


def test_every_letter_arrives_whole_and_in_order() -> None:
    mails = [mail(uid) for uid in range(1, MANY + 1)]
    with served(*mails) as (_, account), open_inbox(account) as inbox:
        letters = list(inbox.fetch(inbox.uids(), max_bytes=MB))
    assert [letter.uid for letter in letters] == [one.uid for one in mails]
    assert all(letter.raw == one.raw for letter, one in zip(letters, mails, strict=True))


def test_small_letters_share_a_command_and_large_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    mails = [mail(1), mail(2), mail(3, size=3 * MB), mail(4, size=5 * MB), mail(5), *map(mail, range(6, 70))]
    asked: list[list[int]] = []
    original = inbox_module.Inbox._bodies

    def spy(self: inbox_module.Inbox, uids: list[int], parts: str) -> dict[int, bytes]:
        asked.append(list(uids))
        return original(self, uids, parts)

    monkeypatch.setattr(inbox_module.Inbox, "_bodies", spy)
    with served(*mails) as (_, account), open_inbox(account) as inbox:
        letters = list(inbox.fetch(inbox.uids(), max_bytes=10 * MB))
    assert asked == [[1, 2, 3], [4], list(range(5, 55)), list(range(55, 70))]
    assert [letter.size for letter in letters[2:4]] == [3 * MB, 5 * MB]


def test_a_letter_above_the_limit_is_never_fetched() -> None:
    huge = mail(2, padded_to=200 * MB)
    with served(mail(1), huge, mail(3)) as (_, account), open_inbox(account) as inbox:
        letters = list(inbox.fetch(inbox.uids(), max_bytes=MB))
    assert letters[1] == Letter(2, 200 * MB, None, too_large=True)
    assert letters[0].raw
    assert letters[2].raw


def test_a_server_that_understates_a_size_gets_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module.Inbox, "_sizes", lambda self, uids: dict.fromkeys(uids, 10))
    with served(mail(1, size=5_000)) as (_, account), open_inbox(account) as inbox:
        [letter] = inbox.fetch([1], max_bytes=1_000)
    assert (letter.raw, letter.too_large) == (None, True)


def test_a_letter_deleted_meanwhile_is_told_as_vanished() -> None:
    with served(*map(mail, range(1, 4))) as (server, account), open_inbox(account) as inbox:
        uids = inbox.uids()
        server.expunge("dana", [2])
        letters = list(inbox.fetch([*uids, 99], max_bytes=MB))
    assert [letter.vanished for letter in letters] == [False, True, False, True]


def test_reading_marks_nothing_as_seen() -> None:
    with served(mail(1)) as (_, account):
        for _round in range(2):
            with open_inbox(account) as inbox:
                list(inbox.fetch(inbox.uids(), max_bytes=MB))
                status, answer = inbox._connection.client.uid("FETCH", "1", "(FLAGS)")
                assert (status, b"\\Seen" in answer[0]) == ("OK", False)


def test_a_connection_cut_in_the_middle_goes_on_where_it_was() -> None:
    mails = [mail(uid, size=20_000) for uid in range(1, 301)]
    beats: list[bool] = []
    with (
        served(*mails) as (server, account),
        cut_after(server.port, [1 * MB, 2 * MB]) as port,
        open_inbox(moved(account, port), beat=lambda: beats.append(True)) as inbox,
    ):
        letters = list(inbox.fetch(inbox.uids(), max_bytes=MB))
    assert [letter.raw for letter in letters] == [one.raw for one in mails]
    assert len(beats) == 2


def test_a_server_that_stays_away_is_given_up_in_words() -> None:
    mails = [mail(uid, size=20_000) for uid in range(1, 301)]
    with (
        served(*mails) as (server, account),
        cut_after(server.port, [1 * MB, 0, 0, 0, 0]) as port,
        open_inbox(moved(account, port)) as inbox,
    ):
        uids = inbox.uids()
        with pytest.raises(InboxLost, match="could not be made again after 3 tries"):
            list(inbox.fetch(uids, max_bytes=MB))


def test_uids_of_a_renumbered_folder_are_not_mixed_up() -> None:
    mails = [mail(uid, size=20_000) for uid in range(1, 301)]
    with (
        served(*mails) as (server, account),
        cut_after(server.port, [5 * MB // 2]) as port,
        open_inbox(moved(account, port)) as inbox,
    ):
        letters = inbox.fetch(inbox.uids(), max_bytes=MB)
        next(letters)
        server.renumber("dana", 8)
        with pytest.raises(InboxRenumbered):
            list(letters)


def test_a_password_changed_meanwhile_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    mails = [mail(uid, size=20_000) for uid in range(1, 301)]
    with (
        served(*mails) as (server, account),
        cut_after(server.port, [5 * MB // 2]) as port,
        open_inbox(moved(account, port)) as inbox,
    ):
        letters = inbox.fetch(inbox.uids(), max_bytes=MB)
        next(letters)
        object.__setattr__(inbox._account, "secret", "changed")
        with pytest.raises(RunRejected, match="password of dana"):
            list(letters)


def test_new_mail_shows_when_the_inbox_is_opened_again() -> None:
    with served(mail(1)) as (server, account):
        with open_inbox(account) as inbox:
            assert inbox.uids(after=1) == []
        server.deliver("dana", mail(2))
        with open_inbox(account) as inbox:
            assert inbox.uids(after=1) == [2]


def test_uid_sets_are_written_short() -> None:
    assert inbox_module._uid_set([1, 2, 3, 7, 9, 10]) == "1:3,7,9:10"


def moved(account: Account, port: int) -> Account:
    return Account(account.host, port, "plain", account.username, account.secret, timeout=account.timeout)


@contextmanager
def cut_after(target: int, limits: list[int]) -> Iterator[int]:
    """A port that passes on to `target`, and cuts each connection after its limit of bytes.

    Connections beyond the list are not cut. Yields the port.
    """
    left = list(limits)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    limit = left.pop(0) if left else None
                    upstream = socket.create_connection(("127.0.0.1", target))
                    for args in ((client, upstream, None), (upstream, client, limit)):
                        threading.Thread(target=pump, args=args, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]


def pump(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
    """Pass bytes on until the source ends or `limit` bytes went through, then cut both ends."""
    with suppress(OSError):
        while limit is None or limit > 0:
            piece = source.recv(65_536)
            if not piece:
                break
            sink.sendall(piece if limit is None else piece[:limit])
            limit = None if limit is None else limit - len(piece)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
