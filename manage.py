#!/usr/bin/env python
"""Django's command line, and the operator's."""

import os
import sys
import threading

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import ProgrammingError

from progress_project.local import copies, postgres
from runs.database import is_database_away

# Commands that never ask the database; all others find the embedded one running.
WITHOUT_DATABASE = {
    *("card_words", "check", "collectstatic", "compilemessages", "demo_imap", "diffsettings", "findstatic", "help"),
    *("makemessages", "spectacular", "startapp", "version"),
}
# Commands for which an embedded database is made where there is none yet.
FROM_NOTHING = {"makemigrations", "migrate"}
UNDEFINED_TABLE = "42P01"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "progress_project.settings")
    # A person waits here and can press Ctrl-C; a migration may need longer than any request.
    os.environ.setdefault("DATABASE_STATEMENT_TIMEOUT_SECONDS", "0")
    threading.excepthook = _report_error_of_thread  # `runserver` works in one
    try:
        _attach_to_embedded_database(sys.argv[1] if len(sys.argv) > 1 else "help")
        execute_from_command_line(sys.argv)
    except Exception as error:
        if "--traceback" in sys.argv or not (line := _in_one_line(error)):
            raise
        sys.exit(line)
    except KeyboardInterrupt:
        sys.exit(130)


def _attach_to_embedded_database(command: str) -> None:
    if not postgres.is_needed() or command in WITHOUT_DATABASE or "--help" in sys.argv:
        return
    copies.choose_running_copy()
    if not postgres.has_data() and command not in FROM_NOTHING:
        raise copies.CopyError(copies.explain_missing_data())
    postgres.ensure_running()


def _report_error_of_thread(error: threading.ExceptHookArgs) -> None:
    if line := _in_one_line(error.exc_value):
        print(line, file=sys.stderr)
    else:
        threading.__excepthook__(error)


def _in_one_line(error: BaseException | None) -> str:
    """For what the caller can mend without knowing the program; empty for what only a traceback explains."""
    words = " ".join(str(error).split())
    if is_database_away(error):
        return f"The database can't serve now: {words}"
    match error:
        case ProgrammingError() if getattr(error.__cause__, "sqlstate", "") == UNDEFINED_TABLE:
            return f"The database has no tables for this version yet: run `manage.py migrate` ({words})."
        case ImproperlyConfigured() | copies.CopyError() | postgres.EmbeddedError():
            return words
    return ""


if __name__ == "__main__":
    main()
