"""Applies one webhook. The order matters: opt-outs are stored before statuses.

1. What people wrote or switched off is applied change by change, and so is what became of templates and accounts.
2. A recipient who was refused because they stopped marketing is opted out.
3. Statuses move their recipients forward.
4. Users whom Meta named by number and by id are noted, for updates that name the id alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from .. import whatsapp_users
from ..models import ProviderAccount
from ..standing import webhook_updates
from .opt_out_requests import apply_opt_out_requests, record_stops_of_refusals
from .payload import Change, iterate_changes, parse_id
from .statuses import DeliveryStatus, apply_statuses, parse_status
from .templates import wake_broadcasts
from .updates import parse_account_update


def apply_payload(payload: Any, accounts: Iterable[ProviderAccount]) -> None:
    """Apply everything in the payload that concerns these accounts, and nothing else."""
    accounts = list(accounts)
    by_number = {account.phone_number_id: account for account in accounts}
    statuses: list[DeliveryStatus] = []
    users: dict[int, dict[str, str]] = defaultdict(dict)
    for change in iterate_changes(payload):
        if change.phone_number_id and (account := by_number.get(change.phone_number_id)):
            note_waba_id(account, change)
            statuses += filter(None, (parse_status(account, change, part) for part in change.parts("statuses")))
            users[account.business_id] |= apply_opt_out_requests(account, change)
        elif not change.phone_number_id:
            waba_ids = find_waba_ids(change)
            apply_account_change([account for account in accounts if account.waba_id in waba_ids], change)
    record_stops_of_refusals(statuses)
    apply_statuses(statuses)
    for status in statuses:
        users[status.account.business_id] |= whatsapp_users.match_user(status.wa_id, status.user_id)
    for business, wa_ids in users.items():
        whatsapp_users.note_numbers(business, wa_ids)


def note_waba_id(account: ProviderAccount, change: Change) -> None:
    """Changes of templates and of the account name no phone number: they find the account by this id."""
    if change.waba_id and change.waba_id != account.waba_id:
        ProviderAccount.objects.filter(pk=account.pk).update(waba_id=change.waba_id)
        account.waba_id = change.waba_id


def find_waba_ids(change: Change) -> set[str]:
    """Meta may write a portfolio's id in place of the account's, and the account's beside it."""
    info = change.value.get("waba_info")
    return {change.waba_id, parse_id(info.get("waba_id")) if isinstance(info, dict) else ""} - {""}


def apply_account_change(accounts: list[ProviderAccount], change: Change) -> None:
    if not accounts:
        return
    if change.field == "message_template_status_update":
        wake_broadcasts(accounts, change)
    elif change.field == "phone_number_quality_update":
        webhook_updates.note_quality_update(accounts, change)
    elif change.field == "business_capability_update":
        webhook_updates.note_capability_update(accounts, change)
    elif change.field == "account_update" and (update := parse_account_update(change)) is not None:
        webhook_updates.note_account_update(accounts, change, update)
