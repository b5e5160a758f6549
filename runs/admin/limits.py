"""How many runs may run at once: of one business, on its page too, or of all together."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from ..models import RunLimit
from .business_filter import BusinessFilter
from .reset import type_choices
from .theme import ModelAdmin, Select, TabularInline, display


def limit_choices() -> list[tuple[str, Any]]:
    return [("", _("All types together")), *type_choices()]


class LimitForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    run_type = forms.ChoiceField(label=_("type"), choices=limit_choices, required=False, widget=Select)

    class Meta:
        model = RunLimit
        fields = ("business", "run_type", "max_running")


class OwnLimitForm(LimitForm):
    def validate_unique(self) -> None:
        """Django leaves constraints that name the business out of the checks on its page."""
        super().validate_unique()
        if self.instance.business_id is None or self.errors:
            return  # its business is being added: it has no limits yet
        try:
            self.instance.validate_constraints()
        except ValidationError as error:
            self.add_error(None, error)


class LimitInline(TabularInline):
    model = RunLimit
    form = OwnLimitForm
    extra = 0


@admin.register(RunLimit)
class LimitAdmin(ModelAdmin):
    form = LimitForm
    list_display = ("owner", "type", "max_running")
    list_display_links = ("owner", "type")
    list_filter = (("business", BusinessFilter),)
    list_select_related = ("business",)
    autocomplete_fields = ("business",)
    ordering = ("business__name", "run_type")

    @display(description=_("business"), ordering="business__name")
    def owner(self, limit: RunLimit) -> str:
        return str(limit.business or _("All businesses together"))

    @display(description=_("type"), ordering="run_type")
    def type(self, limit: RunLimit) -> str:
        return str(dict(limit_choices()).get(limit.run_type, limit.run_type))
