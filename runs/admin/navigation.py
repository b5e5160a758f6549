"""The menu of the admin, in groups. Each application registers its own group; unfold calls `build_navigation`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from knox.models import AuthToken

from ..models import AllRuns, Business, RunLimit, Worker, run_types

Label = str | Promise


@dataclass(frozen=True)
class Entry:
    """A list of the admin: of these rows, under its own name or the model's. `icon` is one of Material Symbols."""

    model: Any
    icon: str
    title: Label = ""

    @property
    def link(self) -> str:
        return reverse(f"admin:{self.model._meta.app_label}_{self.model._meta.model_name}_changelist")


# In the order of INSTALLED_APPS, whose `admin` modules register them.
_groups: dict[str, tuple[Label, Sequence[Entry]]] = {}

OPERATIONS = [Entry(Business, "storefront"), Entry(Worker, "memory"), Entry(RunLimit, "speed")]
PEOPLE = [
    Entry(User, "person"),
    Entry(Group, "group"),
    Entry(AuthToken, "key", _("API tokens")),
    Entry(AccessAttempt, "gpp_maybe", _("Locked sign-ins")),
    Entry(AccessFailureLog, "gpp_bad", _("Failed sign-ins")),
    Entry(AccessLog, "login", _("Sign-ins")),
]
SYSTEM = [
    Entry(PeriodicTask, "event_repeat", _("Periodic tasks")),
    Entry(CrontabSchedule, "schedule", _("Schedules by the calendar")),
    Entry(IntervalSchedule, "timer", _("Schedules by intervals")),
]


def register_group(name: str, title: Label, entries: Sequence[Entry]) -> None:
    """Add a group to the menu, or to a group of this name that is there already."""
    known = _groups.get(name, (title, ()))
    _groups[name] = (known[0], [*known[1], *entries])


def build_navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Only what this person may see."""
    groups = [
        (_("Operations"), [*operations_links(request), *build_links([*OPERATIONS, *find_ungrouped()], request)]),
        *((title, build_links(entries, request)) for name, (title, entries) in _groups.items() if name != "system"),
        (_("People and access"), build_links(PEOPLE, request)),
        (_("System"), build_links([*SYSTEM, *_groups.get("system", ("", ()))[1]], request)),
    ]
    filled = ((title, list(links)) for title, links in groups)
    return [{"title": title, "items": links} for title, links in filled if links]


def name_time_zone(request: HttpRequest) -> tuple[str, str]:
    """The label at the top of every page, once for all of its times; unfold calls it."""
    return gettext("Times in %(zone)s") % {"zone": get_current_timezone_name()}, ""


def find_ungrouped() -> list[Entry]:
    """Run types whose applications have registered no group: a type needs only a line of admin."""
    grouped = {entry.model for _title, entries in _groups.values() for entry in entries}
    return [Entry(model, "work") for model in run_types() if model not in grouped and admin.site.is_registered(model)]


def operations_links(request: HttpRequest) -> Iterator[dict[str, Any]]:
    yield {"title": _("Home"), "icon": "monitor_heart", "link": reverse("admin:index")}
    yield from build_links([Entry(AllRuns, "list", _("All runs"))], request)


def build_links(entries: Iterable[Entry], request: HttpRequest) -> Iterator[dict[str, Any]]:
    for entry in entries:
        if admin.site.get_model_admin(entry.model).has_view_permission(request):
            title = entry.title or capfirst(entry.model._meta.verbose_name_plural)
            yield {"title": title, "icon": entry.icon, "link": entry.link}
