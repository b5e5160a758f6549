"""Runs and items of any type, made from what its models require."""

from __future__ import annotations

from itertools import count
from typing import Any

from django.db import models

from runs.lifecycle import start
from runs.models import Business, Run, RunItem
from runs.states import ItemStatus

_number = count(1)


def start_any(model: type[Run], business: Business, **options: Any) -> Run:
    """A run in the queue."""
    own = [field for field in model._meta.concrete_fields if field.name not in _names_of(Run)]
    return start(model, business, **_required(own, business), **options)


def make_items(run: Run, keys: list[str], status: ItemStatus) -> None:
    """Nothing for a type without items."""
    items = run.item_model()
    if items is None:
        return
    own = [field for field in items._meta.concrete_fields if field.name not in {*_names_of(RunItem), "run"}]
    for key in keys:
        fields = {"run": run, "key": key, "status": status, **_required(own, run.business)}
        items._default_manager.create(**fields)


def _names_of(base: type[models.Model]) -> set[str]:
    return {field.name for field in base._meta.get_fields()} | {"id"}


def _required(fields: list[Any], business: Business) -> dict[str, Any]:
    """A value for each of the fields that has none by itself."""
    return {field.name: _value(field, business) for field in fields if _is_required(field)}


def _is_required(field: Any) -> bool:
    return not (field.null or field.primary_key or field.generated or field.has_default() or field.has_db_default())


def _value(field: Any, business: Business) -> Any:
    if isinstance(field, models.ForeignKey):
        return business if field.related_model is Business else _related(field.related_model, business)
    if field.choices:
        return field.choices[0][0]
    if isinstance(field, models.IntegerField | models.FloatField | models.DecimalField):
        return 1
    return "" if field.blank else f"x{next(_number)}"


def _related(model: Any, business: Business) -> models.Model:
    """The business's own, as a member would have chosen it."""
    found: models.Model = model._default_manager.filter(business=business).first() or model._default_manager.create(
        **_required(model._meta.concrete_fields, business)
    )
    return found
