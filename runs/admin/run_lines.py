"""Runs as rows of the admin's tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from ..durations import format_age
from ..models import Run, run_types
from ..stored_text import translate_stored
from .run import progress_bar, verdict_badge
from .run_facts import duration_of


@dataclass(frozen=True)
class RunLine:
    run: Run
    badge: str
    bar: SafeString | str
    url: str
    age: str  # of the heartbeat while it runs
    duration: str
    error: str

    @classmethod
    def of(cls, run: Run) -> RunLine:
        """Of a run `with_ages()`; an overdue one is called stale."""
        return cls(
            run=run,
            badge=render_badge(**verdict_badge(run)),
            bar=progress_bar(run),
            url=admin_url_of(run),
            age=format_age(run.heartbeat_age) if run.is_active and run.heartbeat_age is not None else "",
            duration=duration_of(run),
            error=translate_stored(run.error_message),
        )


@lru_cache(maxsize=256)
def render_badge(label: str, kind: str) -> str:
    """The theme's template takes a while, and a page has few different ones."""
    return render_to_string("unfold/helpers/label.html", {"text": label, "type": kind})


def admin_url_of(run: Run) -> str:
    return reverse(f"admin:{run._meta.app_label}_{run._meta.model_name}_change", args=[run.pk])


def viewable_types(request: HttpRequest) -> list[type[Run]]:
    """The types whose runs this person may see in the admin, by slug."""
    registered = [model for model in run_types() if admin.site.is_registered(model)]
    return [model for model in registered if admin.site.get_model_admin(model).has_view_permission(request)]
