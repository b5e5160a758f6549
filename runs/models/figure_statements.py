"""The statements that keep the daily figures exact: the trigger, what the sweep adds up, and the earlier history.

1. A change to a finished run writes rows of `FigureChange` in its own transaction: what the run counted as before is
   taken out (-1), what it counts as now is added (+1). So a rollback leaves none, and no way of writing is missed.
2. The sweep deletes such rows and adds them up in one statement. Two sweeps at once take different rows; a crash leaves
   the rows or their sum, never both.
3. Runs that were there before the triggers are counted in steps of ids, from the newest (`UncountedHistory`). Until
   its step a change to one of them writes nothing, as the step will count it as it is then. The trigger's shared lock
   on the row of `UncountedHistory` and the step's exclusive one make each change come wholly before or after the step.

Invariant: the sum of `DailyOutcome.runs` and of the waiting changes is the number of finished rows with a greater id.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ..states import FINISHED, Status
from .figures import BUCKETS_PER_OCTAVE, FIRST_BUCKET, LAST_BUCKET, Measure
from .run import Run
from .statements import table_of

_FINISHED: Final = ", ".join(f"'{status}'" for status in FINISHED)
_COLUMNS: Final = "run_type, day, status, error_code, has_ended, runs, items, unknown, duration, wait"

# When an update concerns a finished run, and what the run counts as. A flush pays only for this comparison.
_COUNTED: Final = (
    *("status", "error_code", "created_at", "started_at", "finished_at"),
    *("processed", "succeeded", "failed", "skipped"),
)
CHANGES_FIGURES: Final = f"""
    ((OLD.status IN ({_FINISHED}) OR NEW.status IN ({_FINISHED}))
    AND ({", ".join(f"OLD.{column}" for column in _COUNTED)})
    IS DISTINCT FROM ({", ".join(f"NEW.{column}" for column in _COUNTED)}))
"""


def _figures_of(run: str, run_type: str, *, runs: int, has_ended: str) -> str:
    """The values of `_COLUMNS` for one run, which is a row of this name."""
    seconds = "GREATEST(extract(epoch FROM {} - {}), 0)::float8"
    duration = seconds.format(f"{run}.finished_at", f"{run}.started_at")
    wait = seconds.format(f"{run}.started_at", f"{run}.created_at")
    return f"""
        '{run_type}',
        (COALESCE({run}.finished_at, {run}.created_at) AT TIME ZONE 'UTC')::date,
        {run}.status,
        {run}.error_code,
        {has_ended},
        {runs},
        {runs} * {run}.processed::bigint,
        {runs} * ({run}.processed::bigint - {run}.succeeded - {run}.failed - {run}.skipped),
        CASE WHEN {run}.status = '{Status.COMPLETED}' THEN {duration} END,
        CASE WHEN {run}.started_at IS NOT NULL THEN {wait} END
    """


def trigger_body(run_type: str) -> str:
    """Runs after each insert, delete, and change to a finished run; the type's name is a slug, safe to quote."""
    taken = _figures_of("OLD", run_type, runs=-1, has_ended="false")
    added = _figures_of("NEW", run_type, runs=1, has_ended=f"COALESCE(OLD.status NOT IN ({_FINISHED}), true)")
    return f"""
        PERFORM FROM runs_uncountedhistory
        WHERE run_type = '{run_type}' AND through >= COALESCE(NEW.id, OLD.id)
        FOR SHARE;
        IF FOUND THEN
            RETURN NULL;
        END IF;
        IF OLD.status IN ({_FINISHED}) THEN
            INSERT INTO runs_figurechange ({_COLUMNS}) VALUES ({taken});
        END IF;
        IF NEW.status IN ({_FINISHED}) THEN
            INSERT INTO runs_figurechange ({_COLUMNS}) VALUES ({added});
        END IF;
        RETURN NULL;
    """


def _add_up(taken: str) -> str:
    """Add rows of `_COLUMNS` to all figures; returns how many they were. In one order: two who add can't deadlock."""
    bucket = f"GREATEST({FIRST_BUCKET}, LEAST({LAST_BUCKET}, ceil({BUCKETS_PER_OCTAVE} * ln(seconds) / ln(2::float8))))"
    return f"""
        WITH taken AS ({taken}),
        span AS (
            SELECT run_type, day, measure, has_ended, runs, seconds,
                CASE WHEN seconds > 0 THEN {bucket} ELSE {FIRST_BUCKET} END::smallint AS bucket
            FROM taken CROSS JOIN LATERAL (
                VALUES ('{Measure.DURATION}', duration), ('{Measure.WAIT}', wait)
            ) measured (measure, seconds)
            WHERE seconds IS NOT NULL
        ),
        daily_outcome AS (
            INSERT INTO runs_dailyoutcome AS known (day, run_type, status, error_code, runs, items, unknown)
            SELECT day, run_type, status, error_code, sum(runs), sum(items), sum(unknown)
            FROM taken GROUP BY day, run_type, status, error_code ORDER BY day, run_type, status, error_code
            ON CONFLICT (day, run_type, status, error_code) DO UPDATE SET
                runs = known.runs + EXCLUDED.runs,
                items = known.items + EXCLUDED.items,
                unknown = known.unknown + EXCLUDED.unknown
        ),
        daily_span AS (
            INSERT INTO runs_dailyspan AS known (day, run_type, measure, bucket, runs)
            SELECT day, run_type, measure, bucket, sum(runs)
            FROM span GROUP BY day, run_type, measure, bucket ORDER BY day, run_type, measure, bucket
            ON CONFLICT (day, run_type, measure, bucket) DO UPDATE SET runs = known.runs + EXCLUDED.runs
        ),
        outcome_counter AS (
            INSERT INTO runs_outcomecounter AS known (run_type, status, error_code, runs)
            SELECT run_type, status, error_code, sum(runs)
            FROM taken WHERE has_ended GROUP BY run_type, status, error_code ORDER BY run_type, status, error_code
            ON CONFLICT (run_type, status, error_code) DO UPDATE SET runs = known.runs + EXCLUDED.runs
        ),
        span_counter AS (
            INSERT INTO runs_spancounter AS known (run_type, measure, bucket, runs, seconds)
            SELECT run_type, measure, bucket, sum(runs), sum(seconds)
            FROM span WHERE has_ended GROUP BY run_type, measure, bucket ORDER BY run_type, measure, bucket
            ON CONFLICT (run_type, measure, bucket) DO UPDATE SET
                runs = known.runs + EXCLUDED.runs,
                seconds = known.seconds + EXCLUDED.seconds
        )
        SELECT count(*) FROM taken
    """


# Add up the changes: called by the sweep. Guard: it adds what it deletes. Returns how many changes they were.
# The subquery is an array, so that it is executed once: joined, it could be repeated, and skip further rows each time.

ADD_UP_CHANGES_SQL: Final = _add_up(f"""
    DELETE FROM runs_figurechange
    WHERE id = ANY(ARRAY(SELECT id FROM runs_figurechange ORDER BY id LIMIT %(batch)s FOR UPDATE SKIP LOCKED))
    RETURNING {_COLUMNS}
""")


# Count a step of the earlier history: called by the sweep, in one transaction with LOCK_HISTORY_SQL before it and
# END_STEP_SQL after it. Guard: the lock. Nobody else can move `through`, and no change to these runs is under way.

LOCK_HISTORY_SQL: Final = "SELECT through FROM runs_uncountedhistory WHERE run_type = %(run_type)s FOR UPDATE"


@lru_cache(maxsize=64)
def count_history_sql(model: type[Run]) -> str:
    return _add_up(f"""
        SELECT * FROM (
            SELECT {_figures_of("run", model.slug, runs=1, has_ended="false")}
            FROM {table_of(model)} run
            WHERE run.id > %(after)s AND run.id <= %(through)s AND run.status IN ({_FINISHED})
        ) run ({_COLUMNS})
    """)


END_STEP_SQL: Final = """
    WITH moved AS (
        UPDATE runs_uncountedhistory SET through = %(after)s WHERE run_type = %(run_type)s AND %(after)s > 0
    )
    DELETE FROM runs_uncountedhistory WHERE run_type = %(run_type)s AND %(after)s <= 0
"""
