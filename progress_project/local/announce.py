"""The last lines of `make run`, printed when every process answers, after the log of their start."""

import socket
import time
import urllib.request
from collections.abc import Callable

from progress_project.celery import app
from progress_project.local.environment import demo_imap_port, is_demo, port

WAIT_SECONDS = 60
CELERY_NODES = 2  # worker and control


def main() -> None:
    url = f"http://127.0.0.1:{port()}/"
    deadline = time.monotonic() + WAIT_SECONDS
    if not wait_until(lambda: is_web_up(url), deadline):
        print(f"The web process doesn't answer at {url} yet; its lines above say why.", flush=True)
        return
    lines = ["", f"Unstuck is up at {url}"]
    if not wait_until(are_workers_up, deadline):
        lines.append("The workers don't answer yet: runs will wait for them.")
    if is_demo():
        if not wait_until(is_mail_server_up, deadline):
            lines.append("The demo's mail server doesn't answer yet: a sync of its mailboxes would be rejected.")
        lines.append("Sign in as staff (superuser), member-a or member-b; the password of each is demo-only.")
    lines.append("Ctrl-C stops everything and keeps the data.")
    print("\n".join(lines), flush=True)


def wait_until(is_true: Callable[[], bool], deadline: float) -> bool:
    while time.monotonic() < deadline:
        if is_true():
            return True
        time.sleep(0.25)
    return False


def is_web_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}healthz", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def are_workers_up() -> bool:
    try:
        return len(app.control.ping(timeout=1) or ()) >= CELERY_NODES
    except OSError:  # the broker is away
        return False


def is_mail_server_up() -> bool:
    try:
        with socket.create_connection(("127.0.0.1", demo_imap_port()), timeout=2):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    main()
