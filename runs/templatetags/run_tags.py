"""What lists and cards of runs show, for templates."""

from __future__ import annotations

from django import template

from ..models import Business, Run
from ..pages.registry import results_url

register = template.Library()


@register.simple_tag(name="results_url")
def results_url_tag(business: Business, run: Run) -> str:
    """Where the results of this run are shown; empty for a type without a page."""
    return results_url(business, run).replace("{id}", str(run.pk))


@register.simple_tag
def results_address(business: Business, run_type: type[Run]) -> str:
    """The same for any run of the type, with `{id}` in the run's place."""
    return results_url(business, run_type)
