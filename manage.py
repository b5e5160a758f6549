#!/usr/bin/env python
"""Django's command line, and the operator's."""

import os
import sys

from django.core.management import execute_from_command_line

from progress_project import embedded

# Commands that never ask the database; all others find the embedded one running.
WITHOUT_DATABASE = {"check", "collectstatic", "compilemessages", "help", "makemessages", "spectacular", "version"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "progress_project.settings")
    # A person waits here and can press Ctrl-C; a migration may need longer than any request.
    os.environ.setdefault("DATABASE_STATEMENT_TIMEOUT_SECONDS", "0")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if embedded.wanted() and command not in WITHOUT_DATABASE and "--help" not in sys.argv:
        embedded.ensure_running()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
