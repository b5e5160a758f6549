"""The accounts that a webhook may report on: those whose app has signed it."""

from __future__ import annotations

import hmac
from typing import Any

from django.db import models
from pywa.utils import webhook_updates_validator

from ..models import ProviderAccount
from .payload import iterate_changes


def find_signers(payload: Any, body: bytes, signature: str) -> list[ProviderAccount]:
    """The accounts whose app has signed the body.

    Accounts that the payload names are tried first, and all of them where it names none.
    """
    if not signature.isascii():
        return []
    accounts = ProviderAccount.objects.filter(kind=ProviderAccount.Kind.META)
    changes = list(iterate_changes(payload))
    numbers = {change.phone_number_id for change in changes} - {""}
    waba_ids = {change.waba_id for change in changes if not change.phone_number_id} - {""}
    named = list(accounts.filter(models.Q(phone_number_id__in=numbers) | models.Q(waba_id__in=waba_ids)))
    return [
        account
        for account in named or accounts
        if account.app_secret and webhook_updates_validator(account.app_secret, body, signature)
    ]


def is_verify_token(token: str) -> bool:
    """Does the token belong to one of the accounts? All are compared, so that the time it takes gives nothing away."""
    tokens = ProviderAccount.objects.filter(kind=ProviderAccount.Kind.META).values_list("verify_token", flat=True)
    matches = [hmac.compare_digest(each.encode(), token.encode()) for each in tokens if each]
    return any(matches)
