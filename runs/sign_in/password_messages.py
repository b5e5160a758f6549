"""What Django says of passwords without Hebrew: its file lacks one of the plural's forms. Translated as ours."""

from django.utils.translation import ngettext_lazy

MESSAGES = (
    ngettext_lazy(
        "Your password must contain at least %(min_length)d character.",
        "Your password must contain at least %(min_length)d characters.",
        "min_length",
    ),
    ngettext_lazy(
        "This password is too short. It must contain at least %d character.",
        "This password is too short. It must contain at least %d characters.",
    ),
)
