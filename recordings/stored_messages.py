"""Sentences with values that this app's workers store, and their readers read in their own language.

Imported by the app's config, so that every process knows them.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_noop as _

from runs.stored_text import StoredMessage

TOO_LARGE: Final = StoredMessage(_("The recording is too large: %(size)d MB."))
DAY_OUT_OF_RANGE: Final = StoredMessage(_("The day %(day)s is too far in the past or the future."))
TWILIO_LIST: Final = StoredMessage(_("Twilio's list of recordings: %(reason)s"))
FOLDER_UNREADABLE: Final = StoredMessage(_("The folder can't be read: %(reason)s."))
FOLDER_NOT_OFFERED: Final = StoredMessage(_("The folder %(folder)s is not within RECORDINGS_FOLDERS."))
NO_SUCH_FOLDER: Final = StoredMessage(_("There is no folder %(folder)s on the worker's machine."))
FOREIGN_HOST: Final = StoredMessage(_("The provider redirects to %(host)s, which isn't one of its known hosts."))
PRIVATE_HOST: Final = StoredMessage(_("The provider's host %(host)s has a private address."))
MODEL_NOT_LOADED: Final = StoredMessage(
    _(
        "The speech model %(name)s can't be loaded. Set WHISPER_MODEL to one that is on the worker's machine"
        " or that it can download; or choose to download only."
    )
)
PROVIDER_ERROR: Final = StoredMessage(_("The provider answered with an error (%(status)d)."))
