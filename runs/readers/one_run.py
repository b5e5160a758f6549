"""One run as readers select it, by one statement whose SQL is made once for each type."""

from __future__ import annotations

from functools import lru_cache

from ..models import Business, Run
from ..models.compiled_query import CompiledQuery, placeholder
from ..models.run_columns import RunColumns
from .verdict import show_repaired


def fetch_run(model: type[Run], pk: int, *, member: int | None = None) -> Run | None:
    """The run, repaired; with `member`, a user's id, only if it belongs to one of the user's businesses."""
    columns = RunColumns((model,))
    query = compile_detail(model, member is not None)

    def fetch() -> list[Run]:
        return columns.to_runs(query.fetch({"id": pk, "member": member}))

    return next(iter(show_repaired(fetch(), fetch)), None)


@lru_cache(maxsize=64)
def compile_detail(model: type[Run], is_members_only: bool) -> CompiledQuery:
    rows = model.objects.filter(pk=placeholder("id"))
    if is_members_only:
        rows = rows.filter(business__in=Business.objects.with_member(placeholder("member")))
    return CompiledQuery.of(RunColumns((model,)).select(rows))
