"""The accounts that a webhook may report on: those whose app has signed it."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from typing import Any, Final

from django.db import models
from pywa.utils import webhook_updates_validator

from ..models import ProviderAccount
from .payload import iterate_changes

SIGNATURE: Final = re.compile(r"sha256=[0-9a-f]{64}")


def named_accounts(payload: Any) -> list[ProviderAccount]:
    """Those that the payload says it is about."""
    changes = list(iterate_changes(payload))
    numbers = {change.phone_number_id for change in changes} - {""}
    waba_ids = {change.waba_id for change in changes if not change.phone_number_id} - {""}
    return list(all_accounts().filter(models.Q(phone_number_id__in=numbers) | models.Q(waba_id__in=waba_ids)))


def all_accounts() -> models.QuerySet[ProviderAccount]:
    return ProviderAccount.objects.filter(kind=ProviderAccount.Kind.META)


def find_signers(accounts: Iterable[ProviderAccount], body: bytes, signature: str) -> list[ProviderAccount]:
    """Those whose app has signed the body: each has to hash all of it."""
    return [
        account
        for account in accounts
        if account.app_secret and webhook_updates_validator(account.app_secret, body, signature)
    ]


def is_verify_token(token: str) -> bool:
    """Does the token belong to one of the accounts? All are compared, so that the time it takes gives nothing away."""
    tokens = all_accounts().values_list("verify_token", flat=True)
    matches = [hmac.compare_digest(each.encode(), token.encode()) for each in tokens if each]
    return any(matches)
