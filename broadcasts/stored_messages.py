"""Sentences with values that this app's workers store, and their readers read in their own language.

Imported by the app's config, so that every process knows them.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_noop as _

from runs.stored_text import StoredMessage

CONNECTION_BROKE: Final = StoredMessage(_("The connection to WhatsApp broke: %(error)s"))
NO_ANSWER: Final = StoredMessage(
    _("WhatsApp didn't answer for %(minutes)d minutes: %(error)s. Retry to continue where it stopped.")
)
NOT_DELIVERED: Final = _("WhatsApp reports that the message was not delivered.")
TEMPLATE_WAITED: Final = StoredMessage(_("The template could not be sent for %(hours)d hours: %(error)s (%(code)s)"))
