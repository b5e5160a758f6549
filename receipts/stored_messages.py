"""Sentences with values that this app's workers store, and their readers read in their own language.

Imported by the app's config, so that every process knows them.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_noop as _

from runs.stored_text import StoredMessage

TOO_LARGE: Final = StoredMessage(_("The message is too large: %(size)d MB."))
GIVEN_UP: Final = StoredMessage(
    _("%(problem)s The sync waited %(minutes)d minutes for it. Retry to continue where it stopped.")
)

CONNECTION_LOST: Final = StoredMessage(_("The connection to %(host)s was lost."))
REFUSES_TO_DELIVER: Final = StoredMessage(_("%(host)s refused to deliver messages."))

NO_SUCH_FOLDER: Final = StoredMessage(_('There is no folder "%(folder)s" in this mailbox. Check its name.'))
FOLDER_NOT_OPENED: Final = StoredMessage(_('%(host)s does not open the folder "%(folder)s". Check its name.'))
CERTIFICATE: Final = StoredMessage(
    _("The certificate of %(host)s could not be verified, so nothing was sent to it. Check the name of the server.")
)
NOT_ENCRYPTED: Final = StoredMessage(
    _(
        "No encrypted connection to %(host)s port %(port)s could be made."
        " Check the port and the security setting (SSL or STARTTLS)."
    )
)
NO_SUCH_SERVER: Final = StoredMessage(_("There is no mail server named %(host)s. Check the name."))
CONNECTION_REFUSED: Final = StoredMessage(_("%(host)s refused the connection on port %(port)s. Check server and port."))
NO_ANSWER: Final = StoredMessage(
    _("%(host)s did not answer on port %(port)s in time. Check server, port and security setting.")
)
NOT_REACHED: Final = StoredMessage(_("%(host)s could not be reached on port %(port)s."))
NO_MAIL_SERVER: Final = StoredMessage(
    _(
        "%(host)s does not answer as a mail server on port %(port)s."
        " Check the port and the security setting, or try again later."
    )
)

TOKEN_REFUSED: Final = StoredMessage(
    _("%(host)s did not accept the access token of %(user)s. It may have expired: connect the account again.")
)
GMAIL_PASSWORD: Final = StoredMessage(
    _(
        "Gmail did not accept the password of %(user)s. Gmail wants an app password"
        " here, not the password of the account: make one in the security settings"
        " of the Google account."
    )
)
PASSWORD_REFUSED: Final = StoredMessage(
    _("%(host)s did not accept the user name or the password of %(user)s. Check both.")
)
