"""The recipients of a broadcast: they are read, classified as valid or skipped, and stored.

Rows come one at a time and are copied into the table in batches: a hundred thousand of them take no more memory than a
thousand, except for the set of numbers already seen.
"""

from .classification import AudienceClassifier
from .csv_file import read_csv
from .reading import read_listed, read_pasted
from .rows import MAX_COLUMNS, Audience, UnreadableAudience
from .storing import skip_opted_out, skip_recipients, store_recipients

__all__ = [
    "MAX_COLUMNS",
    "Audience",
    "AudienceClassifier",
    "UnreadableAudience",
    "read_csv",
    "read_listed",
    "read_pasted",
    "skip_opted_out",
    "skip_recipients",
    "store_recipients",
]
