"""The kinds of work on a business's overview. Each application registers its own in `AppConfig.ready`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from ..models import Business, Run

StartForm = Callable[[Business], dict[str, Any]]


@dataclass(frozen=True)
class WorkKind:
    """A kind of work.

    `name` is that of its page (`urls.py`), and of the folder with the form and script that start a run of it:
    `templates/<name>/start.html`, `static/<name>/start.js`.
    """

    name: str
    label: str | Promise
    start_form_path: str
    results_query: str = ""  # of its page, for what one run has brought, with `{id}` in the run's place

    def start_form(self, business: Business) -> dict[str, Any]:
        """The context of `start.html`. Imported when it is needed, so that workers don't import pages."""
        start_form: StartForm = import_string(self.start_form_path)
        return start_form(business)


# By name, in the order of INSTALLED_APPS, which is that of the menu.
KINDS: dict[str, WorkKind] = {}


def register_kind(name: str, label: str | Promise, *, start_form: str, results_query: str = "") -> None:
    """Add a kind of work to the menu and to every business's overview.

    `start_form` is the dotted path of a function that takes the business and returns the context of `start.html`.
    """
    KINDS[name] = WorkKind(name, label, start_form, results_query)


def results_url(business: Business, run: Run | type[Run]) -> str:
    """The page with the results of a type's runs, with `{id}` in a run's place; empty for a type without one."""
    kind = KINDS.get(run._meta.app_label)  # a kind of work is named as its application
    if kind is None:
        return ""
    return reverse(kind.name, args=[business.slug]) + kind.results_query
