#!/usr/bin/env python
"""Django's command line, with the embedded database where none is configured, and errors of one line."""

import os
import sys
import threading

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import ProgrammingError

from progress_project.local import copies, postgres
from runs.database import is_database_away

# Commands that need no database; for all others the embedded one is started.
WITHOUT_DATABASE = {
    *("check", "collectstatic", "compilemessages", "demo_imap", "diffsettings", "findstatic", "help"),
    *("makemessages", "spectacular", "startapp", "version", "write_card_messages"),
}
# Commands that make the embedded database where there is none yet.
MAKE_DATABASE = {"makemigrations", "migrate"}
UNDEFINED_TABLE = "42P01"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "progress_project.settings")
    # A person can press Ctrl-C here, and a migration may take longer than any request.
    os.environ.setdefault("DATABASE_STATEMENT_TIMEOUT_SECONDS", "0")
    threading.excepthook = report_thread_error  # `runserver` runs in one
    try:
        ensure_embedded_database(sys.argv[1] if len(sys.argv) > 1 else "help")
        execute_from_command_line(sys.argv)
    except Exception as error:
        if "--traceback" in sys.argv or not (line := describe_in_one_line(error)):
            raise
        sys.exit(line)
    except KeyboardInterrupt:
        sys.exit(130)


def ensure_embedded_database(command: str) -> None:
    if not postgres.is_needed() or command in WITHOUT_DATABASE or "--help" in sys.argv:
        return
    copies.choose_running_copy()
    if not postgres.has_data() and command not in MAKE_DATABASE:
        raise copies.CopyError(copies.explain_missing_data())
    postgres.ensure_running()


def report_thread_error(error: threading.ExceptHookArgs) -> None:
    if line := describe_in_one_line(error.exc_value):
        print(line, file=sys.stderr)
    else:
        threading.__excepthook__(error)


def describe_in_one_line(error: BaseException | None) -> str:
    """The error where the user can fix its cause; empty where only a traceback explains it."""
    message = " ".join(str(error).split())
    if is_database_away(error):
        return f"The database can't serve now: {message}"
    match error:
        case ProgrammingError() if getattr(error.__cause__, "sqlstate", "") == UNDEFINED_TABLE:
            return f"The database has no tables for this version yet: run `manage.py migrate` ({message})."
        case ImproperlyConfigured() | copies.CopyError() | postgres.EmbeddedError():
            return message
    return ""


if __name__ == "__main__":
    main()
