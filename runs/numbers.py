"""Numbers as people read them."""

from django.utils.formats import number_format


def format_number(number: float) -> str:
    """In groups of three digits; with a digit after the point only where it isn't whole and below a hundred."""
    if isinstance(number, int) and 0 <= number < 1000:
        return str(number)  # lists show many of them, and Django looks up formats for each
    digits = 0 if isinstance(number, int) or number >= 100 else 1
    return number_format(number, digits, use_l10n=True, force_grouping=True)
