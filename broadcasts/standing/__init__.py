"""What Meta allows an account: read from its API every hour (`check`), and sent by webhooks in between.

Each part is stored with its time, and older news never replaces newer. An audience larger than the account's limit gets
a warning before it starts, and is never refused: the limit counts recipients without an open conversation, for all
numbers of the portfolio together, and only Meta knows them.

https://developers.facebook.com/documentation/business-messaging/whatsapp/messaging-limits
"""

from .account_warnings import count_sent_lately, warnings_of
from .check import check_account, check_accounts

__all__ = ["check_account", "check_accounts", "count_sent_lately", "warnings_of"]
