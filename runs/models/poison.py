"""G7: no item stops its run twice, whatever it contains and whatever it kills.

1. After a death the next attempts of a run are in *suspect mode* until they have passed the place of the death by two
   flush intervals: the row names each item before it begins (`open_item`), in the flush that also counts the one before
   it. Outside of suspect mode only the first item of a loop is named, and one that follows a slow one, where this costs
   no flush of its own. So the first death of a quick item may be recorded without its name: it then needs a third.
2. Whoever records a death (a lost process, an expiry, an exception that escapes) notes the item that was open as
   `accused_item`. An item that is finished beyond the furthest place ever reached clears the accusation: the run has
   made progress.
3. A second death in a row inside the accused item makes it a *poison item*: the run remembers its key in
   `poison_items` for good, and `Progress.track` fails it with the code `poison` instead of yielding it.

The flush at the end of a named item clears its name or writes the next one, so that no item is blamed for another.
A death with an item recorded doesn't count as a loss, unless another item was accused before it: where each death
happens in a different item, the machine is at fault, and three losses in a row fail the run as `worker_lost`.

Warm shutdowns aren't deaths. Effects need none of this: what was in flight is unknown and isn't begun again.
"""

from typing import Final

from django.utils.translation import gettext_noop

POISON_CODE: Final = "poison"
POISON_MESSAGE: Final = gettext_noop("This item stopped the worker twice.")

# Does the death that is being recorded count among the row's `losses`? Where no item was open by name, and where
# another item is accused already.
COUNTS_AS_LOSS: Final = "(open_item = '' OR (accused_item <> '' AND accused_item <> open_item))"


def death_columns(open_item: str = "open_item", accused_item: str = "accused_item") -> dict[str, str]:
    """What a recorded death sets, by column, as SQL.

    The arguments are the SQL for the key of the item that was open (empty: nobody knows) and of the one accused
    before, where they aren't what the row says.
    """
    is_second = f"({open_item} <> '' AND {open_item} = {accused_item})"
    return {
        "suspect_mode": "true",
        "poison_items": f"CASE WHEN {is_second} THEN poison_items || to_jsonb({open_item}) ELSE poison_items END",
        "accused_item": (
            f"CASE WHEN {is_second} THEN '' WHEN {open_item} <> '' THEN {open_item} ELSE {accused_item} END"
        ),
        "open_item": "''",
    }
