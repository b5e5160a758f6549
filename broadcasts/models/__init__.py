"""The tables: accounts and their standing, broadcasts and their recipients, and opt-outs."""

from .account import AccountStanding, Pace, ProviderAccount
from .broadcast import Retryable, WhatsAppBroadcast
from .opt_out import OptOut, OptOutQuerySet, WhatsAppUser
from .outbox_message import OutboxMessage
from .recipient import Recipient, RecipientQuerySet

__all__ = [
    "AccountStanding",
    "OptOut",
    "OptOutQuerySet",
    "OutboxMessage",
    "Pace",
    "ProviderAccount",
    "Recipient",
    "RecipientQuerySet",
    "Retryable",
    "WhatsAppBroadcast",
    "WhatsAppUser",
]
