"""A real IMAP server (pymap) for mailboxes that live in memory.

pymap's own backends either parse every message as it arrives, which is expensive for hostile mail, or rescan a
directory for every command. Here a message stays unparsed bytes, with the uid and UIDVALIDITY of its mailbox, so that
clients see no difference after a restart of the server.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from weakref import WeakSet

from proxyprotocol.result import ProxyResultLocal
from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, Login
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import LoadedMessage, MailboxData, MailboxSet, Message
from pymap.bytes import Writeable, WriteStream
from pymap.context import current_command
from pymap.imap import IMAPServer
from pymap.interfaces.message import LoadedMessageInterface
from pymap.parsing.command.select import FetchCommand
from pymap.parsing.specials import FetchRequirement
from pymap.user import UserMetadata
from pysasl.hashing import BuiltinHash

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class StoredMail:
    """One message as the server keeps it: `uid`, INTERNALDATE (aware) and its bytes.

    With `padded_to`, spaces follow the bytes up to that size when (and only when)
    a client fetches the message: a mail of 200 MB needs no memory before that.
    """

    uid: int
    received_at: datetime
    raw: bytes
    padded_to: int = 0

    @property
    def size(self) -> int:
        return max(len(self.raw), self.padded_to)


@dataclass(frozen=True)
class ServedMailbox:
    """An account of the server: its user name and password, and its INBOX."""

    username: str
    password: str
    uidvalidity: int
    mails: Sequence[StoredMail]
    folders: Sequence[str] = ()
    fetch_seconds: float = 0.0  # how long the server takes to serve a message
    on_fetch: Callable[[int], object] = lambda uid: None  # called with the uid of each body that is served


class _Content(Writeable):
    """The bytes of a message, made when they are read."""

    def __init__(self, mail: StoredMail) -> None:
        super().__init__()
        self._mail = mail

    def write(self, writer: WriteStream) -> None:
        writer.write(bytes(self))

    def __bytes__(self) -> bytes:
        return self._mail.raw.ljust(self._mail.size)

    def __len__(self) -> int:
        return self._mail.size

    def __bool__(self) -> bool:
        return True


class _LoadedMail(LoadedMessage):
    """A message as FETCH sees it: all of it, or its size. Parts aren't served."""

    def __init__(self, message: Message, requirement: FetchRequirement, mail: StoredMail) -> None:
        super().__init__(message, requirement, None)
        self._bytes = _Content(mail)

    def get_body(self, section: Sequence[int] | None = None, binary: bool = False) -> Writeable:
        return super().get_body(section, binary) if section else self._bytes

    def get_size(self, section: Sequence[int] | None = None) -> int:
        return super().get_size(section) if section else len(self._bytes)


def _is_body_fetched() -> bool:
    """False where only the size is fetched, for which pymap loads the message too."""
    command = current_command.get()
    return isinstance(command, FetchCommand) and any(
        attribute.value.startswith(b"BODY") for attribute in command.attributes
    )


class _Mail(Message):
    __slots__ = ["_mail", "_mailbox"]

    def __init__(self, mail: StoredMail, mailbox: ServedMailbox) -> None:
        super().__init__(mail.uid, mail.received_at, ())
        self._mail, self._mailbox = mail, mailbox

    async def load_content(self, requirement: FetchRequirement) -> Any:
        if _is_body_fetched():
            await asyncio.sleep(self._mailbox.fetch_seconds)
            self._mailbox.on_fetch(self._mail.uid)
        loaded: LoadedMessageInterface = _LoadedMail(self, requirement, self._mail)
        return loaded


class Server:
    """Handle on a running server; its methods may be called from any thread.

    It listens at `host` and `port`. The methods change a mailbox while clients read it, as other mail clients do.
    """

    def __init__(
        self,
        host: str,
        port: int,
        loop: asyncio.AbstractEventLoop,
        mailboxes: Mapping[str, ServedMailbox],
        inboxes: Mapping[str, MailboxData],
    ) -> None:
        self.host = host
        self.port = port
        self._loop = loop
        self._mailboxes = mailboxes
        self._inboxes = inboxes

    def expunge(self, username: str, uids: Sequence[int]) -> None:
        """Remove messages for ever."""
        self._on_loop(lambda: self._inboxes[username].delete(uids))

    def deliver(self, username: str, mail: StoredMail) -> None:
        """Put one more message into the INBOX. Its uid must be the highest there."""

        async def add() -> None:
            _store(self._inboxes[username], self._mailboxes[username], [mail])

        self._on_loop(add)

    def renumber(self, username: str, uidvalidity: int) -> None:
        """Change UIDVALIDITY: uids that clients remember are no longer valid."""

        async def change() -> None:
            self._inboxes[username]._uid_validity = uidvalidity

        self._on_loop(change)

    def _on_loop(self, make: Callable[[], Any]) -> None:
        asyncio.run_coroutine_threadsafe(make(), self._loop).result(timeout=30)


@contextmanager
def serve(
    mailboxes: Sequence[ServedMailbox],
    *,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
) -> Iterator[Server]:
    """Serve `mailboxes` on the loopback from a thread, until the block ends.

    Port 0 picks a free one. `tls` speaks TLS from the first byte, `starttls` on request.
    """
    ready = threading.Event()
    outcome: list[Server | BaseException] = []
    stop: list[Callable[[], object]] = []

    async def main() -> None:
        loop, finished = asyncio.get_running_loop(), asyncio.Event()
        stop.append(lambda: loop.call_soon_threadsafe(finished.set))
        async with _listening(mailboxes, port, tls, starttls) as server:
            outcome.append(server)
            ready.set()
            await finished.wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            outcome.append(error)
            ready.set()

    thread = threading.Thread(target=run, name="demo-imap", daemon=True)
    thread.start()
    ready.wait()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    try:
        yield outcome[0]
    finally:
        stop[0]()
        thread.join(timeout=30)


async def serve_until(
    mailboxes: Sequence[ServedMailbox],
    finished: asyncio.Event,
    *,
    port: int,
    when_ready: Callable[[Server], None],
) -> None:
    """Serve `mailboxes` on the loopback until `finished` is set. OSError: the port is taken."""
    async with _listening(mailboxes, port, None, None) as server:
        when_ready(server)
        await finished.wait()


@asynccontextmanager
async def _listening(
    mailboxes: Sequence[ServedMailbox],
    port: int,
    tls: ssl.SSLContext | None,
    starttls: ssl.SSLContext | None,
) -> AsyncIterator[Server]:
    config = _config(starttls)
    config.apply_context()
    login = Login(config)
    serve_connection = IMAPServer(login, config)
    connections: WeakSet[asyncio.StreamWriter] = WeakSet()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        _stop_when_client_left(writer)
        await serve_connection(reader, writer, SocketInfo.get(writer, ProxyResultLocal()))

    served = {mailbox.username: mailbox for mailbox in mailboxes}
    inboxes = {name: await _open_account(login, config, mailbox) for name, mailbox in served.items()}
    listener = await asyncio.start_server(connect, host=LOOPBACK, port=port, ssl=tls)
    host, chosen_port = listener.sockets[0].getsockname()
    try:
        yield Server(host, chosen_port, asyncio.get_running_loop(), served, inboxes)
    finally:
        # A connection accepted this moment gets its transport some rounds later, and only from an open listener.
        for _ in range(3):
            await asyncio.sleep(0)
        listener.close()
        await _hang_up(connections)


def _stop_when_client_left(writer: asyncio.StreamWriter) -> None:
    """End the answer to a client that has left: asyncio would accept all of it, and log a warning for each piece."""
    write = writer.write

    def write_or_refuse(data: bytes) -> None:
        if writer.is_closing():
            raise ConnectionResetError
        write(data)

    writer.write = write_or_refuse  # type: ignore[assignment,method-assign]


async def _hang_up(connections: Iterable[asyncio.StreamWriter]) -> None:
    """End the open connections, so that the loop closes without warnings."""
    for connection in connections:
        connection.transport.abort()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks, return_exceptions=True)
    # Transports close their sockets in the loop's next round.
    await asyncio.sleep(0)


async def _open_account(login: Login, config: Config, mailbox: ServedMailbox) -> MailboxData:
    password = config.hash_context.hash(mailbox.password)
    login.users_dict[mailbox.username] = UserMetadata(config, mailbox.username, password=password)
    folders = MailboxSet()
    for name in mailbox.folders:
        await folders.add_mailbox(name)
    inbox = await folders.get_mailbox("INBOX")
    inbox._uid_validity = mailbox.uidvalidity
    _store(inbox, mailbox, mailbox.mails)
    config.set_cache[mailbox.username] = (folders, FilterSet())
    return inbox


def _store(inbox: MailboxData, mailbox: ServedMailbox, mails: Sequence[StoredMail]) -> None:
    for mail in mails:
        inbox._messages[mail.uid] = _Mail(mail, mailbox)
        inbox._max_uid = max(inbox._max_uid, mail.uid)
    inbox._mod_sequences.update([mail.uid for mail in mails])
    inbox._updated.set()


def _config(starttls: ssl.SSLContext | None) -> Config:
    # The demo's passwords are public: a strong hash would only slow down each sign-in.
    return Config(
        Namespace(passlib_cfg=None, proxy_protocol=None),
        host=LOOPBACK,
        port=0,
        demo_data=False,
        demo_user="",
        demo_password="",
        hash_context=BuiltinHash(rounds=1),
        invalid_user_sleep=0.0,
        tls_enabled=starttls is not None,
        secure_auth=False,
        ssl_context=starttls,
        reject_dnsbl=False,
        disable_idle=True,
    )


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
