"""`python -m benchmarks check_guarantees [--settled] [--logs FOLDER] [--json]`: are the guarantees true here?

Reads the configured database (DATABASE_URL, or the embedded one of PORT or UNSTUCK_VAR) and prints for each of G1 to G7
what it counted and what is violated. It changes nothing: what it does as a reader or a stranger is rolled back. With
`--settled` nothing is at work any more, so an unfinished run is stuck. `--logs` names a folder with the logs of
readers, people, servers and killers (see `logs.py`), as a kill storm writes it. Exit status 0 only if nothing is
violated. The kill storm ends with the same check.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    _set_up_django()
    from .checker import check  # needs Django
    from .logs import Logs

    findings = check(Logs(options.logs), is_settled=options.settled)
    if options.json:
        print(json.dumps([finding.as_json() for finding in findings.values()], indent=2, ensure_ascii=False))
    else:
        print("\n".join(finding.as_text() for finding in findings.values()))
    sys.exit(bool(findings.violations()))


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks check_guarantees", description=__doc__)
    parser.add_argument("--settled", action="store_true", help="unfinished runs are violations")
    parser.add_argument("--logs", type=Path, help="a folder with logs of readers, people, servers and killers")
    parser.add_argument("--json", action="store_true", help="print JSON: an array with an object for each guarantee")
    return parser.parse_args(arguments)


def _set_up_django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "progress_project.settings")
    os.environ.setdefault("DATABASE_STATEMENT_TIMEOUT_SECONDS", "0")  # a long history takes longer than any request
    import django

    from progress_project.local import copies, postgres

    if postgres.is_needed():  # as for any command that is typed beside a running copy
        try:
            copies.choose_running_copy()
            if not postgres.has_data():
                raise copies.CopyError(copies.explain_missing_data())
            postgres.ensure_running()
        except copies.CopyError as error:
            sys.exit(str(error))
    django.setup()
