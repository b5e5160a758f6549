"""Searching 100,000 transcripts in all forms of words beside a search for the exact word, over the same rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import Any, Final

from django.db import connection
from django.test import override_settings

from recordings.api.pagination import MatchPages
from recordings.models import LONG_COLUMNS, Call, CallQuerySet, Source
from runs.models import Business

from . import database
from .harness import Options, Result, Seconds, interleaved, print_note, ratio
from .telephone_talk import sentences

CALLS: Final = 100_000
SENTENCES: Final = 20_000  # in each language, of which every call has some
HOUR: Final = 600  # sentences
A_PAGE: Final = 50
REPEATED: Final = 5
# The searched words, in many calls, some, few and none, and the form in which most calls have each.
WORDS: Final = {
    "תודה": "תודה",
    "טכנאי": "הטכנאי",
    "חשבונית": "חשבונית",
    "ירושלים": "מירושלים",
    "גולנברג": "גולנברג",
    "ברבור": "ברבור",
    "thank": "thank",
    "technicians": "technician",
    "invoice": "invoice",
    "zebra": "zebra",
}
OURS, PLAIN, WITH_SNIPPETS = "all forms", "the exact word", "all forms, with snippets"


def measure(options: Options) -> Result:
    result = Result()
    with database.in_scratch("search"), override_settings(ALLOWED_HOSTS=["testserver"]):
        source = _make_source()
        began = time.perf_counter()
        _add_calls(source, options.amount(CALLS), options.amount(SENTENCES))
        print_note(f"  {Call.objects.count():,} calls made in {time.perf_counter() - began:.0f} s")
        for word, form in WORDS.items():
            seconds = _time_searches(source, word, form, options)
            print_note(f"  {word}: {_count_found(source, word, form)}; {_describe(seconds)}")
            result.at_most(5, f"search: {word}, {OURS} / {PLAIN}", ratio(seconds, OURS, PLAIN))
        _measure_writing(source, options)
    return result


def _time_searches(source: Source, word: str, form: str, options: Options) -> Seconds:
    plain = f"plain @@ plainto_tsquery('simple', '{form}')"
    sides: dict[str, Callable[[], Any]] = {
        OURS: lambda: _first_page(_calls(source), word),
        PLAIN: lambda: list(_calls(source).extra(where=[plain]).order_by("-started_at", "-id")[: A_PAGE + 1]),
        WITH_SNIPPETS: lambda: _first_page(_calls(source).with_snippet(word), word),
    }
    return interleaved({name: _timer_of(side) for name, side in sides.items()}, options.rounds)


def _timer_of(search: Callable[[], Any]) -> Callable[[], float]:
    def timed() -> float:
        began = time.perf_counter()
        for _ in range(REPEATED):
            search()
        return (time.perf_counter() - began) / REPEATED

    return timed


def _describe(seconds: Seconds) -> str:
    return ", ".join(f"{name} {1000 * sorted(taken)[len(taken) // 2]:.2g} ms" for name, taken in seconds.items())


def _calls(source: Source) -> CallQuerySet:
    return Call.objects.with_file().filter(business=source.business).defer(*LONG_COLUMNS)


def _first_page(calls: CallQuerySet, word: str) -> Sequence[Call]:
    return MatchPages().fetch_page(calls.match_tiers(word), {}, url="/")


def _count_found(source: Source, word: str, form: str) -> str:
    plain = Call.objects.extra(where=[f"plain @@ plainto_tsquery('simple', '{form}')"]).count()
    found = sum(tier.count() for tier in _calls(source).match_tiers(word))
    return f"{found:,} calls found, {plain:,} with {form!r}"


# The calls


def _make_source() -> Source:
    business = Business.objects.create(name="Search", slug="search")
    return Source.objects.create(business=business, name="benchmark", kind=Source.Kind.FOLDER, folder="/nowhere")


def _add_calls(source: Source, calls: int, pool: int) -> None:
    """Each has random sentences of the pool; two of three are in Hebrew."""
    random = Random(12)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE sentences (language text, number int, words text, PRIMARY KEY (language, number))"
        )
        for language in ("he", "en"):
            rows = [(language, n, text) for n, text in enumerate(sentences(pool, random, hebrew=language == "he"))]
            cursor.executemany("INSERT INTO sentences VALUES (%s, %s, %s)", rows)
        cursor.execute("ANALYZE sentences")
        # The column that the search for the exact word uses.
        plain = "tsvector GENERATED ALWAYS AS (to_tsvector('simple', transcript)) STORED"
        cursor.execute(f"ALTER TABLE recordings_call ADD plain {plain}")
        cursor.execute("DROP INDEX call_search")
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(MAKE_CALLS, {"business": source.business_id, "source": source.pk, "calls": calls, "pool": pool})
        cursor.execute("CREATE INDEX call_search ON recordings_call USING gin (search) WITH (fastupdate = off)")
        cursor.execute("CREATE INDEX call_plain ON recordings_call USING gin (plain) WITH (fastupdate = off)")
        cursor.execute("VACUUM ANALYZE recordings_call")


MAKE_CALLS: Final = """
INSERT INTO recordings_call (
    business_id, source_id, call_id, location, direction, number, started_at, duration, file, sha256, content_type,
    language, segments, transcribed_to, transcribed_at, transcript
)
SELECT %(business)s, %(source)s, call, '', 'inbound', '+97250' || lpad((call * 37 %% 10000000)::text, 7, '0'),
    now() - (call * 7919 %% %(calls)s) * interval '13 minutes', 60, 'x', '', 'audio/wav',
    language, '[]', 60, now(), string_agg(words, E'\\n')
FROM (
    SELECT call, CASE WHEN call %% 3 = 0 THEN 'en' ELSE 'he' END AS language,
        (random() * (%(pool)s - 1))::int AS number
    FROM generate_series(1, %(calls)s) AS call, generate_series(1, 6 + (call * 7) %% 30)
) AS chosen
JOIN sentences USING (language, number)
GROUP BY call, language
"""


# What it costs to write them


def _measure_writing(source: Source, options: Options) -> None:
    """Storing an hour of speech: a part, as every ten seconds of a transcription; the whole; and a searchable part."""
    texts = sentences(options.amount(HOUR, least=5), Random(5), hebrew=True)
    segments = [{"start": 6.0 * n, "end": 6.0 * n + 5, "text": text} for n, text in enumerate(texts)]
    numbers = count()

    def timer_of(store: Callable[[Call], None]) -> Callable[[], float]:
        def timed() -> float:
            call = Call.objects.create(
                business=source.business, source=source, call_id=f"written {next(numbers)}", location=""
            )
            began = time.perf_counter()
            store(call)
            return time.perf_counter() - began

        return timed

    sides = {
        "a part": timer_of(lambda call: call.store_part(segments, 3600.0, "he")),
        "the whole": timer_of(lambda call: call.store_transcript(segments, "he")),
        "a part that could be searched": timer_of(
            lambda call: call.update_columns(segments=segments, transcript="\n".join(texts))
        ),
    }
    print_note(f"  storing an hour of speech: {_describe(interleaved(sides, options.rounds))}")
