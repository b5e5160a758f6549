"""Opening a mailbox: errors have messages that the user can act on."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from demo.mailboxes.server import ServedMailbox, Server, StoredMail, free_port, serve
from receipts.mailbox.account import Account, InboxUnreachable
from receipts.mailbox.connection import close_connection, connect
from receipts.mailbox.inbox import Inbox
from runs.exceptions import RunRejected

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
MAILBOX = ServedMailbox("dana", "open sesame", 7, [StoredMail(1, NOON, b"Subject: hi\r\n\r\n")], folders=("חשבוניות",))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve([MAILBOX]) as running:
        yield running


@pytest.fixture
def account(server: Server) -> Account:
    return Account("127.0.0.1", server.port, "plain", "dana", "open sesame", timeout=5)


def rejection(account: Account) -> str:
    """What the user has to mend."""
    with pytest.raises(RunRejected) as refused:
        connect(account)
    assert account.secret not in str(refused.value)
    return str(refused.value)


def outage(account: Account, *, is_misconfigured: bool = False) -> str:
    """What may pass by itself, and on a mailbox that never worked is a wrong configuration, surely or perhaps."""
    with pytest.raises(InboxUnreachable) as away:
        connect(account)
    assert account.secret not in str(away.value)
    assert away.value.is_misconfigured is is_misconfigured
    assert "%" not in away.value.waiting_reason, "it is translated when it is read"
    return str(away.value)


@contextmanager
def opened(account: Account) -> Iterator[Inbox]:
    connection = connect(account)
    try:
        yield Inbox(account, connection)
    finally:
        close_connection(connection)


def test_an_open_inbox_knows_its_uidvalidity_and_uids(account: Account) -> None:
    with opened(account) as inbox:
        assert (inbox.uidvalidity, inbox.uids()) == (7, [1])


def test_a_folder_may_have_a_hebrew_name(account: Account) -> None:
    with opened(replace(account, folder="חשבוניות")) as inbox:
        assert inbox.uids() == []


def test_a_wrong_password_is_named_as_such(account: Account) -> None:
    assert "password of dana" in rejection(replace(account, secret="guess"))


def test_a_password_may_be_hebrew(account: Account) -> None:
    assert "password of dana" in rejection(replace(account, secret="סיסמה"))


def test_the_message_for_gmail_users_explains_app_passwords(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Account, "is_gmail", property(lambda self: True))
    assert "app password" in rejection(replace(account, secret="guess"))


@pytest.mark.parametrize(("host", "gmail"), [("imap.gmail.com", True), ("IMAP.Gmail.com.", True), ("a.test", False)])
def test_gmail_is_known_by_its_host(account: Account, host: str, gmail: bool) -> None:
    assert replace(account, host=host).is_gmail is gmail


def test_a_refused_token_is_named_as_such(account: Account) -> None:
    assert "access token of dana" in rejection(replace(account, auth="xoauth2", secret="ya29-old"))


def test_a_missing_folder_is_named(account: Account) -> None:
    assert '"Nowhere"' in rejection(replace(account, folder="Nowhere"))


def test_an_unknown_host_is_named(account: Account) -> None:
    words = outage(replace(account, host="nowhere.invalid"), is_misconfigured=True)
    assert "no mail server named nowhere.invalid" in words


def test_a_host_that_no_name_server_could_resolve_may_come_back(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert "no mail server named" in outage(replace(account, host="imap.example.test"))


def test_a_host_that_is_no_name_is_unknown(account: Account) -> None:
    assert "no mail server named" in outage(replace(account, host="a..b"), is_misconfigured=True)


def test_a_refused_connection_names_the_port(account: Account) -> None:
    port = free_port()
    assert f"port {port}" in outage(replace(account, port=port))


def test_a_silent_server_runs_into_the_timeout(account: Account) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        words = outage(replace(account, port=silent.getsockname()[1], timeout=0.2))
    assert "did not answer" in words


@pytest.mark.parametrize("greeting", [b"", b"* BYE too busy\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_server_that_is_no_mail_server_is_named(account: Account, greeting: bytes) -> None:
    with answering(greeting) as port:
        assert "does not answer as a mail server" in outage(replace(account, port=port))


def test_tls_to_a_plain_server_fails_with_a_message(account: Account) -> None:
    with answering(b"* OK ready\r\n") as port:
        words = outage(replace(account, port=port, security="ssl"), is_misconfigured=True)
    assert "No encrypted connection" in words


def test_starttls_to_a_server_without_it_fails_with_a_message(account: Account) -> None:
    assert "No encrypted connection" in outage(replace(account, security="starttls"), is_misconfigured=True)


@pytest.mark.parametrize("field", ["username", "secret", "folder"])
def test_no_field_can_inject_a_command(account: Account, field: str) -> None:
    smuggled = "x\r\nA1 DELETE INBOX"
    assert "not allowed" in rejection(replace(account, **{field: smuggled}))  # type: ignore[arg-type]


def test_a_self_signed_certificate_is_refused(account: Account, certificate: Path) -> None:
    with serve([MAILBOX], tls=server_side(certificate)) as server:
        words = outage(replace(account, port=server.port, security="ssl"), is_misconfigured=True)
    assert "certificate of 127.0.0.1 could not be verified" in words


@pytest.mark.parametrize("security", ["ssl", "starttls"])
def test_a_verified_certificate_opens_the_inbox(
    account: Account, certificate: Path, security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    ours = server_side(certificate)
    tls, starttls = (ours, None) if security == "ssl" else (None, ours)
    with serve([MAILBOX], tls=tls, starttls=starttls) as server:
        secure = replace(account, port=server.port, security=security)  # type: ignore[arg-type]
        with opened(secure) as inbox:
            assert inbox.uids() == [1]


def test_the_secret_does_not_show_in_logs(account: Account) -> None:
    assert "open sesame" not in repr(account)


@pytest.mark.parametrize(
    "refusal",
    [
        b"[UNAVAILABLE] later",
        b"[INUSE] later",
        b"[LIMIT] later",
        b"[OVERQUOTA] later",
        b"[SERVERBUG] later",
        b"[ALERT] Too many simultaneous connections. (Failure)",
        b"[ALERT] Account exceeded command or bandwidth limits. (Failure)",
    ],
)
@pytest.mark.parametrize("command", [b"LOGIN", b"EXAMINE"])
def test_a_busy_server_is_unreachable_for_now(account: Account, command: bytes, refusal: bytes) -> None:
    with refusing(command, b"NO " + refusal) as port:
        outage(replace(account, port=port))


def test_an_alert_may_refuse_the_password(account: Account) -> None:
    with refusing(b"LOGIN", b"NO [ALERT] Application-specific password required. (Failure)") as port:
        assert "password of dana" in rejection(replace(account, port=port))


def test_a_folder_that_is_refused_without_a_reason_may_be_misconfigured(account: Account) -> None:
    with refusing(b"EXAMINE", b"NO no") as port:
        assert '"INBOX"' in outage(replace(account, port=port), is_misconfigured=True)


@contextmanager
def refusing(command: bytes, refusal: bytes) -> Iterator[int]:
    """A port of a server that accepts every command but `command`."""

    def talk() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"* OK ready\r\n")
            for line in lines:
                tag, verb = line.split()[:2]
                untagged = b"* CAPABILITY IMAP4rev1\r\n" if verb == b"CAPABILITY" else b""
                answer = refusal if verb == command else b"OK done"
                with suppress(ConnectionError):
                    connection.sendall(untagged + tag + b" " + answer + b"\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(timeout=10)


@contextmanager
def answering(greeting: bytes) -> Iterator[int]:
    """A port that sends `greeting` to each client, and closes the connection."""

    def greet() -> None:
        connection, _ = listener.accept()
        # A client that hangs up first leaves nothing to shut down: ENOTCONN, which is no ConnectionError.
        with connection, suppress(OSError):
            connection.sendall(greeting)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(timeout=10)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key with a certificate for 127.0.0.1 that it signed itself, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "demo")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    return path


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context
