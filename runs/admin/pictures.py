"""The pictures of the operator's home: what became of the runs of the last 30 days, by type.

Each has its numbers beside it as a table. They come from the daily figures, so a long history costs them nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.functional import SimpleLazyObject
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language_bidi, ngettext
from django.utils.translation import gettext as _

from ..models import Measure, Run
from ..numbers import format_number
from ..readers.figures import TypeFigures, fetch_days, fetch_figures
from ..states import ErrorCode, Status
from .charts import Series, bar_width, draw_bars, draw_spans, format_span
from .run_search import all_runs_url

DAYS: Final = 30
OUTCOMES: Final = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)

Draw = Callable[[Sequence[Series], Sequence[str], tuple[str, str], str], SafeString]


@dataclass(frozen=True)
class Panel:
    """The chart of one type."""

    type_label: str
    chart: SafeString


@dataclass(frozen=True)
class Picture:
    """Charts side by side, one for each type, with one legend, and the same numbers as a table."""

    name: str
    title: str
    legend: list[tuple[str, str]]  # class and label of each series
    panels: list[Panel]
    columns: list[str]
    rows: list[tuple[str, list[str | SafeString]]]  # a heading and its cells
    explanation: str = ""
    numbers_shown: bool = False  # the table is the picture


def pictures_context(request: HttpRequest) -> dict[str, Any]:
    """What `admin/runs/pictures.html` needs. It keeps what it has drawn for half a minute: figures change as rarely."""
    return {"pictures": SimpleLazyObject(draw_pictures), "picture_days": DAYS}


def draw_pictures() -> list[Picture]:
    """In three queries, whatever the length of the history; none where nothing has ended in these days."""
    days = fetch_days(DAYS)
    types = fetch_figures(days)
    if not types:
        return []
    return [
        picture_outcomes(types, days),
        picture_reasons(types),
        picture_spans(types, days, Measure.DURATION, _("From the first start to the end, of completed runs.")),
        picture_spans(types, days, Measure.WAIT, _("From the request to the first start.")),
        picture_items(types, days),
    ]


def picture_outcomes(types: Sequence[TypeFigures], days: Sequence[date]) -> Picture:
    def series_of(figures: TypeFigures) -> list[Series]:
        return [
            Series(status.value, str(status.label), [figures.outcomes[day, status] for day in days])
            for status in OUTCOMES
        ]

    return _by_day("outcomes", _("Runs a day by outcome"), types, days, series_of, draw_bars, format_number)


def picture_items(types: Sequence[TypeFigures], days: Sequence[date]) -> Picture:
    def series_of(figures: TypeFigures) -> list[Series]:
        return [Series("items", _("Items"), [figures.items[day] for day in days])]

    return _by_day("items", _("Throughput: items a day"), types, days, series_of, draw_bars, format_number)


def picture_spans(types: Sequence[TypeFigures], days: Sequence[date], measure: Measure, explanation: str) -> Picture:
    def series_of(figures: TypeFigures) -> list[Series]:
        found = [figures.spans.get((measure, day)) for day in days]
        names = (("median", _("Median")), ("p95", _("95th percentile")))
        return [
            Series(name, label, [spans[number] if spans else None for spans in found])
            for number, (name, label) in enumerate(names)
        ]

    return _by_day(
        measure.value, str(measure.label), types, days, series_of, draw_spans, format_span, explanation=explanation
    )


def picture_reasons(types: Sequence[TypeFigures]) -> Picture:
    """Reasons are words, so this one is a table with a bar in each cell. Each number links to the runs behind it."""
    most = [max(figures.reasons.values(), default=0) for figures in types]
    found = {code for figures in types for code in figures.reasons}
    labels = {code: str(label) for code, label in [*ErrorCode.choices, ("", _("Other"))]}
    rows: list[tuple[str, list[str | SafeString]]] = [
        (label, [draw_bar(figures, code, top) for figures, top in zip(types, most, strict=True)])
        for code, label in labels.items()
        if code in found
    ]
    columns = [_("Reason"), *(figures.model.type_label() for figures in types)]
    return Picture("reasons", _("Failures by reason"), [], [], columns, rows, numbers_shown=True)


def draw_bar(figures: TypeFigures, code: str, most: int) -> SafeString:
    number = figures.reasons[code]
    width = bar_width(number, most)
    bar = format_html(
        '<svg class="picture-bar" aria-hidden="true">'
        '<rect class="picture-failed" x="{}%" width="{}%" height="100%"/></svg>',
        100 - width if get_language_bidi() else 0,
        width,
    )
    if not number:
        return format_html("{}{}", format_number(number), bar)
    return format_html('<a href="{}">{}</a>{}', failed_url(figures.model, code), format_number(number), bar)


def failed_url(model: type[Run], code: str) -> str:
    return all_runs_url(type=model.slug, status=Status.FAILED, error_code=code)


def _by_day(
    name: str,
    title: str,
    types: Sequence[TypeFigures],
    days: Sequence[date],
    series_of: Callable[[TypeFigures], list[Series]],
    draw: Draw,
    format_value: Callable[[float], str],
    *,
    explanation: str = "",
) -> Picture:
    series = [(figures.model.type_label(), series_of(figures)) for figures in types]
    labels = [date_format(day, "j M") for day in days]
    panels = []
    for type_label, of_type in series:
        titles = [_title(label, of_type, number, format_value) for number, label in enumerate(labels)]
        chart = draw(of_type, titles, (labels[0], labels[-1]), f"{type_label}: {title}. {_summary(days)}")
        panels.append(Panel(type_label, chart))
    single = len(series[0][1]) == 1
    columns_of = [(type_label, each) for type_label, of_type in series for each in of_type]
    columns = [type_label if single else f"{type_label}: {each.label}" for type_label, each in columns_of]
    rows = [
        (label, [_cell(each.values[number], format_value) for _type, each in columns_of])
        for number, label in enumerate(labels)
    ]
    legend = [] if single else [(each.name, each.label) for each in series[0][1]]
    return Picture(name, title, legend, panels, [_("Day (UTC)"), *columns], rows, explanation)


def _summary(days: Sequence[date]) -> str:
    text = ngettext("The last %(n)d day; the numbers follow.", "The last %(n)d days; the numbers follow.", len(days))
    return text % {"n": len(days)}


def _title(label: str, series: Sequence[Series], day: int, format_value: Callable[[float], str]) -> str:
    """What a pointer over the day shows."""
    return "\n".join([label, *(f"{each.label}: {_cell(each.values[day], format_value)}" for each in series)])


def _cell(value: float | None, format_value: Callable[[float], str]) -> str:
    return "–" if value is None else format_value(value)
