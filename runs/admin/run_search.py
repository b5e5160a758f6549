"""Which runs staff look for: the filters of the list of all runs, and of the actions on everything they find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, TypeAlias, cast

from django import forms
from django.contrib.auth.models import User
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from ..days import FIRST_DAY, LAST_DAY
from ..models import Business, Run, RunQuerySet
from ..numbers import parse_row_id
from ..readers.trouble import Trouble, find_in_trouble
from ..states import ACTIVE, ErrorCode, Status

ANY_ACTIVE = "active"
# A person reads these as statuses, though a run of several statuses may be in one of them.
STATUS_CHOICES = [("", _("All")), (ANY_ACTIVE, _("All active")), *Status.choices, *Trouble.choices]

RunTypes: TypeAlias = Sequence[type[Run]]

COMMON_SEARCH_FIELDS = ("error_message", "worker", "business__name")


@dataclass(frozen=True)
class RunSearch:
    """What is looked for. The defaults find every run of the types."""

    types: RunTypes
    business: Business | None = None
    status: str = ""  # or `ANY_ACTIVE`, or a `Trouble`
    error_code: str = ""
    from_date: date | None = None
    to_date: date | None = None  # inclusive
    starter: User | None = None
    number: int | None = None
    text: str = ""

    @property
    def reads_every_row(self) -> bool:
        """Does `narrow` have to look at each row that `find_by_index` finds?"""
        return bool(self.error_code or self.text)

    def find_by_index(self, model: type[Run]) -> RunQuerySet[Run]:
        rows = model.objects.filter(**self.exact_conditions())
        if self.status in Trouble.values:
            rows = find_in_trouble(rows, Trouble(self.status))
        elif statuses := self.statuses():
            rows = rows.filter(status__in=statuses)
        if self.from_date:
            rows = rows.filter(created_at__gte=first_moment_of(self.from_date))
        if self.to_date:
            rows = rows.filter(created_at__lt=first_moment_of(self.to_date + timedelta(days=1)))
        return rows

    def exact_conditions(self) -> dict[str, Any]:
        wanted = {"business": self.business, "created_by": self.starter, "pk": self.number}
        return {name: value for name, value in wanted.items() if value is not None}

    def statuses(self) -> tuple[Status, ...]:
        """All for an empty one; only failed runs have an error code, so an index finds these."""
        if self.status == ANY_ACTIVE:
            return ACTIVE
        if self.status:
            return (Status(self.status),)
        return (Status.FAILED,) if self.error_code else ()

    def narrow(self, rows: RunQuerySet[Run]) -> RunQuerySet[Run]:
        if self.error_code:
            rows = rows.filter(error_code=self.error_code)
        if self.text:
            names = (*COMMON_SEARCH_FIELDS, *rows.model.search_fields)
            rows = rows.filter(Q(*((f"{name}__icontains", self.text) for name in names), _connector=Q.OR))
        return rows

    def find(self, model: type[Run]) -> RunQuerySet[Run]:
        return self.narrow(self.find_by_index(model))


def all_runs_url(**filters: str) -> str:
    """The list of the runs of all types that these filters of the form find."""
    return f"{reverse('admin:runs_allruns_changelist')}?{urlencode(filters)}"


def first_moment_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


class RunSearchForm(forms.Form):
    business = forms.CharField(label=_("Business"), required=False, max_length=200)
    type = forms.ChoiceField(label=_("Type"), required=False)
    status = forms.ChoiceField(
        label=_("Status"),
        required=False,
        choices=STATUS_CHOICES,
    )
    error_code = forms.ChoiceField(label=_("Error"), required=False, choices=[("", _("All")), *ErrorCode.choices])
    from_date = forms.DateField(label=_("From"), required=False, widget=forms.DateInput({"type": "date"}))
    to_date = forms.DateField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}))
    starter = forms.CharField(label=_("Started by"), required=False, max_length=150)
    text = forms.CharField(label=_("Text or number"), required=False, max_length=200)

    def __init__(self, types: RunTypes, data: Any) -> None:
        super().__init__(data)
        self._types = types
        names = [("", _("All")), *((model.slug, model.type_label()) for model in types)]
        cast("forms.ChoiceField", self.fields["type"]).choices = names
        self.fields["business"].widget.attrs["list"] = "businesses"
        self.fields["text"].widget.attrs["type"] = "search"

    def clean_business(self) -> Business | None:
        """By its id, its slug or its name."""
        name = self.cleaned_data["business"]
        if not name:
            return None
        businesses = Business.objects
        found = businesses.find(name) or businesses.filter(name__iexact=name).order_by("pk").first()
        if found is None:
            raise forms.ValidationError(_("There is no such business."))
        return found

    def clean_starter(self) -> User | None:
        """By user name or id."""
        name = self.cleaned_data["starter"]
        if not name:
            return None
        found = User.objects.filter(username=name).first()
        pk = parse_row_id(name)
        if found is None and pk is not None:
            found = User.objects.filter(pk=pk).first()
        if found is None:
            raise forms.ValidationError(_("There is no such user."))
        return found

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("from_date", "to_date"):
            if cleaned.get(name) and not FIRST_DAY <= cleaned[name] <= LAST_DAY:
                self.add_error(name, _("Enter a day between 1900 and 2999."))
        first, last = cleaned.get("from_date"), cleaned.get("to_date")
        if first and last and first > last:
            self.add_error("to_date", _("The last day is before the first."))
        return cleaned

    def build_search(self) -> RunSearch:
        """Of a valid form."""
        cleaned = self.cleaned_data
        text = cleaned["text"].removeprefix("#")
        number = parse_row_id(text)
        return RunSearch(
            [model for model in self._types if cleaned["type"] in ("", model.slug)],
            number=number,
            text=text if number is None else "",
            **{name: cleaned[name] for name in cleaned if name not in ("type", "text")},
        )

    def chosen(self) -> list[tuple[Any, str]]:
        """The filters that are set, for people: label and value."""
        return [(self[name].label, self.describe(name)) for name in self.fields if self.cleaned_data.get(name)]

    def describe(self, name: str) -> str:
        field, value = self.fields[name], self.cleaned_data[name]
        if isinstance(field, forms.ChoiceField):
            return str(dict(field.choices)[value])  # type: ignore[arg-type]  # a plain list, set above
        return str(localize(value))
