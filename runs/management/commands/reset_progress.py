"""`manage.py reset_progress`: marks a business's active runs as failed."""

from __future__ import annotations

import getpass
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from runs.lifecycle.reset import Reset, reset_progress, runs_to_reset, summarize_reset
from runs.models import Business, run_types
from runs.models.audit import Actor


class Command(BaseCommand):
    help = str(gettext_lazy("Mark a business's active runs as failed, so that it can start anew."))

    def add_arguments(self, parser: ArgumentParser) -> None:
        types = ", ".join(model.slug for model in run_types())
        parser.add_argument("--business", required=True, metavar="ID|SLUG")
        parser.add_argument("--type", action="append", dest="types", metavar="TYPE", help=f"repeatable: {types}")
        parser.add_argument("--only-stale", action="store_true", help="only runs without a heartbeat")
        parser.add_argument("--dry-run", action="store_true", help="show what would be reset, and change nothing")
        parser.add_argument("--reason", default="", help="recorded in each run's timeline")
        parser.add_argument("--json", action="store_true", help="print the same JSON object as the API")

    def handle(self, *args: Any, **options: Any) -> None:
        business = find_business(options["business"])
        try:
            reset = count_resettable(business, options) if options["dry_run"] else reset_runs(business, options)
        except ValueError as error:
            raise CommandError(_("Unknown type: %(types)s") % {"types": error}) from None
        self.stdout.write(format_result(reset, options["dry_run"], as_json=options["json"]))


def find_business(id_or_slug: str) -> Business:
    """Raises `CommandError`."""
    if business := Business.objects.find(id_or_slug):
        return business
    raise CommandError(_("Unknown business: %(name)s") % {"name": id_or_slug})


def count_resettable(business: Business, options: dict[str, Any]) -> Reset:
    rows = runs_to_reset(business, options["types"], options["only_stale"])
    return summarize_reset({slug: matches.count() for slug, matches in rows.items()})


def reset_runs(business: Business, options: dict[str, Any]) -> Reset:
    return reset_progress(
        business,
        options["types"],
        options["only_stale"],
        actor=Actor("command", getpass.getuser()),
        reason=options["reason"],
    )


def format_result(reset: Reset, dry_run: bool, *, as_json: bool) -> str:
    message = result_message(reset.count, dry_run)
    if not as_json:
        counts = [f"  {slug}: {count}" for slug, count in reset.by_type.items()]
        return "\n".join([message, *counts])
    return json.dumps(
        {
            "success": True,
            "message": message,
            "reset_count": reset.count,
            "by_type": reset.by_type,
            "dry_run": dry_run,
        },
        ensure_ascii=False,
    )


def result_message(count: int, dry_run: bool) -> str:
    if dry_run:
        template = ngettext("Would reset %(count)d stuck run", "Would reset %(count)d stuck runs", count)
    else:
        template = ngettext("Successfully reset %(count)d stuck run", "Successfully reset %(count)d stuck runs", count)
    return template % {"count": count}
