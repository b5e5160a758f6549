"""Unfold has no types: to the type checker its classes are those of Django that they extend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = [
    "DANGER",
    "AdminPasswordChangeForm",
    "ChangeList",
    "CheckBox",
    "ModelAdmin",
    "PasswordInput",
    "SearchSelect",
    "Select",
    "TabularInline",
    "TextInput",
    "UserChangeForm",
    "UserCreationForm",
    "action",
    "display",
]

if TYPE_CHECKING:
    from django.contrib import admin
    from django.contrib.admin.views.main import ChangeList
    from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from django.forms import CheckboxInput as CheckBox
    from django.forms import PasswordInput, Select, TextInput
    from django.forms import Select as SearchSelect

    DANGER: Any
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    Method = TypeVar("Method", bound=Callable[..., Any])

    def display(
        *, description: Any, ordering: str | None = None, label: Mapping[Any, str] | None = None
    ) -> Callable[[Method], Method]: ...
    def action(
        *,
        description: Any,
        permissions: Sequence[str],
        icon: str | None = None,
        variant: Any = None,
        url_path: str | None = None,
    ) -> Callable[[Method], Method]: ...
else:
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.decorators import action, display
    from unfold.enums import ActionVariant
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
    from unfold.views import ChangeList
    from unfold.widgets import UnfoldAdminPasswordWidget as PasswordInput
    from unfold.widgets import UnfoldAdminSelect2Widget as SearchSelect
    from unfold.widgets import UnfoldAdminSelectWidget as Select
    from unfold.widgets import UnfoldAdminTextInputWidget as TextInput
    from unfold.widgets import UnfoldBooleanWidget as CheckBox

    DANGER = ActionVariant.DANGER
