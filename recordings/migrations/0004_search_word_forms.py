"""Words of transcripts by their stems and behind Hebrew prefixes; see recordings/search.py.

Nothing here needs more than the right to create tables: no extension (`pg_trgm` would be one, and isn't in every PostgreSQL),
and no files on the database's machine. Rewrites the table of calls: about a minute for 100,000 transcripts.
"""

from itertools import product

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.expressions
import django.db.models.functions.text
from django.db import migrations, models

STEMMERS = {
    "ar": "arabic",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "it": "italian",
    "nl": "dutch",
    "pt": "portuguese",
    "ru": "russian",
}
LATIN = "asciiword, asciihword, hword_asciipart"
OTHER = "word, hword, hword_part"
PREFIXES = sorted(filter(None, map("".join, product(("", "ו"), ("", "ש", "כש"), ("", "ה", "ב", "ל", "כ", "מ", "מה")))))


# Without `StopWords`: whoever looks for "not now" means it.
def add_language(language: str) -> str:
    dictionary = configuration = f"recordings_{language}"
    latin = "recordings_en" if language in ("ar", "ru") else dictionary
    return f"""
CREATE TEXT SEARCH DICTIONARY {dictionary} (TEMPLATE = snowball, Language = {STEMMERS[language]});
CREATE TEXT SEARCH CONFIGURATION {configuration} (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION {configuration} ALTER MAPPING FOR {LATIN} WITH {latin};
ALTER TEXT SEARCH CONFIGURATION {configuration} ALTER MAPPING FOR {OTHER} WITH {dictionary};
"""


def remove_language(language: str) -> str:
    return f"""
DROP TEXT SEARCH CONFIGURATION recordings_{language};
DROP TEXT SEARCH DICTIONARY recordings_{language};
"""


CHOICES = " ".join(
    f"WHEN '{language}' THEN 'recordings_{language}'::regconfig" for language in STEMMERS if language != "en"
)

# Statements made of names and constants that stand above. The bodies are parsed here and now, so that a restored dump doesn't depend on a search path.
ADD_FUNCTIONS = f"""
CREATE FUNCTION recordings_config(language text) RETURNS regconfig
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE language {CHOICES} ELSE 'recordings_en'::regconfig END;

-- Of each word that begins like a Hebrew prefix, also what follows: marked with a 0 where that is short. Not beyond a megabyte,
-- which is all that a tsvector takes: a word may come out six times.
CREATE FUNCTION recordings_forms(words tsvector) RETURNS tsvector
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN pg_column_size(words) > 160000 THEN words ELSE (
        SELECT coalesce(
            string_agg(
                '''' || replace(replace(form, '\\', '\\\\'), '''', '''''') || ''':' || array_to_string(positions, ','),
                ' '
            ),
            ''
        )::tsvector
        FROM unnest(words) AS word (lexeme, positions, weights),
            generate_series(0, CASE WHEN lexeme ~ '^[והבכלמש][א-ת]{{2,30}}$' THEN 5 ELSE 0 END) AS letters
            CROSS JOIN LATERAL (SELECT substr(lexeme, letters + 1)) AS behind (rest),
            LATERAL (SELECT CASE WHEN letters > 0 AND length(rest) <= 3 THEN '0' || rest ELSE rest END) AS kept (form)
        WHERE letters = 0 OR (length(rest) >= 2 AND left(lexeme, letters) = ANY ('{{{",".join(PREFIXES)}}}'::text[]))
    ) END;

CREATE FUNCTION recordings_words(language text, transcript text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN recordings_forms(to_tsvector(recordings_config(language), transcript));
"""  # noqa: S608
REMOVE_FUNCTIONS = """
DROP FUNCTION recordings_words(text, text);
DROP FUNCTION recordings_forms(tsvector);
DROP FUNCTION recordings_config(text);
"""

LANGUAGES = ["en", *(language for language in STEMMERS if language != "en")]  # others build on English


class Migration(migrations.Migration):
    dependencies = [("recordings", "0003_left_out_and_size_at_source")]

    operations = [
        migrations.RunSQL("".join(map(add_language, LANGUAGES)), "".join(map(remove_language, reversed(LANGUAGES)))),
        migrations.RunSQL(ADD_FUNCTIONS, REMOVE_FUNCTIONS),
        migrations.RemoveIndex("call", "call_search"),
        migrations.RemoveField("call", "search"),
        migrations.AddField(
            "call",
            "search",
            models.GeneratedField(
                expression=models.Func("language", "transcript", function="recordings_words"),
                output_field=django.contrib.postgres.search.SearchVectorField(),
                db_persist=True,
            ),
        ),
        migrations.AddField(
            "call",
            "digits_backwards",
            models.GeneratedField(
                expression=django.db.models.functions.text.Reverse(
                    models.Func(
                        models.F("number"),
                        models.Value("[^0-9]"),
                        models.Value(""),
                        models.Value("g"),
                        function="regexp_replace",
                        output_field=models.CharField(),
                    )
                ),
                output_field=models.CharField(max_length=64),
                db_persist=True,
            ),
        ),
        migrations.AddIndex(
            "call", django.contrib.postgres.indexes.GinIndex(fields=["search"], name="call_search", fastupdate=False)
        ),
        migrations.AddIndex(
            "call",
            models.Index(
                fields=["business", "digits_backwards"],
                name="call_number",
                opclasses=["int8_ops", "varchar_pattern_ops"],
            ),
        ),
    ]
