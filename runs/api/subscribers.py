"""The clients of the stream, and the check whether they still have access, for all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, NamedTuple

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from knox.models import AuthToken
from rest_framework.request import Request

from ..models import Business, Membership
from .now_rows import NowEdition
from .permissions import VIEW_ANY_BUSINESS, VIEW_OPERATIONS
from .tokens import UNEXPIRED
from .visits import has_visited


class Access(Enum):
    """By what a subscriber may watch, which is checked as long as it does."""

    MEMBER = "a member of the business"
    VISITOR = "staff who have opened the business's pages to read only"
    OPERATOR = "staff who may view operations"


class Edition(NamedTuple):
    """Those who get the same events of a business: their language, and what they are offered and shown as staff."""

    language: str
    is_read_only: bool = False
    is_admin: bool = False  # the admin's times are in the installation's zone


@dataclass(eq=False)
class Subscriber:
    """One open stream. `pending` has only the newest event of each run: a client has no use for older ones."""

    user_id: int
    business_id: int | None  # None: staff, who watch all
    edition: Edition
    access: Access = Access.MEMBER
    session_key: str = ""
    token_digest: str = ""
    now_edition: NowEdition | None = None  # of staff who watch all
    resume_from: datetime | None = None  # the id of the last event that it got: a time of the database's clock
    has_first_updates: bool = False
    ended: bool = False
    pending: dict[Any, bytes] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, request: Request, business: Business | None, language: str, access: Access) -> Subscriber:
        """Without a business: staff, who watch the runs of all."""
        token = str(getattr(request.auth, "digest", ""))
        session = "" if token else request._request.session.session_key or ""
        resume_from = _parse_event_id(request.headers.get("Last-Event-ID", ""))
        now_edition = None if business else NowEdition.of(request.user, language)
        edition = Edition(language, business is not None and business.is_read_only, access is Access.OPERATOR)
        business_id = business.pk if business else None
        return cls(int(request.user.pk or 0), business_id, edition, access, session, token, now_edition, resume_from)

    def send_updates(self, events: Mapping[Any, bytes]) -> None:
        if events:
            for key in events:
                self.pending.pop(key, None)  # the newest come last
            self.pending.update(events)
            self.wake.set()

    def end(self) -> None:
        self.ended = True
        self.wake.set()

    def take_pending(self) -> bytes:
        self.wake.clear()
        events, self.pending = self.pending, {}
        return b"".join(events.values())


def _parse_event_id(event_id: str) -> datetime | None:
    """None for a text that isn't an id of our events."""
    try:
        return datetime.fromtimestamp(int(event_id) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def expired_subscribers(subscribers: Collection[Subscriber]) -> list[Subscriber]:
    """Those whose session, token, account, membership or permission has ended, by six queries at most."""
    user_ids, business_ids, keys, digests = (
        list({getattr(subscriber, name) for subscriber in subscribers} - {"", None})
        for name in ("user_id", "business_id", "session_key", "token_digest")
    )
    users = {user.pk: user for user in User.objects.filter(pk__in=user_ids, is_active=True)}
    members = set(
        Membership.objects.filter(user__in=list(users), business__in=business_ids).values_list("user_id", "business_id")
    )
    permitted = {
        access: ids_of_staff_with(permission, user_ids)
        for access, permission in PERMISSIONS.items()
        if any(subscriber.access == access for subscriber in subscribers)
    }
    sessions = {
        session.session_key: session.get_decoded()
        for session in Session.objects.filter(session_key__in=keys, expire_date__gt=Now())
    }
    tokens = set(AuthToken.objects.filter(UNEXPIRED, digest__in=digests).values_list("digest", flat=True))

    def is_signed_in(subscriber: Subscriber) -> bool:
        if subscriber.token_digest:
            return subscriber.token_digest in tokens
        return is_valid_session(sessions.get(subscriber.session_key, {}), users[subscriber.user_id])

    def may_watch(subscriber: Subscriber) -> bool:
        if subscriber.access == Access.MEMBER:
            return (subscriber.user_id, subscriber.business_id) in members
        is_visit = subscriber.access == Access.VISITOR
        return subscriber.user_id in permitted[subscriber.access] and not (
            is_visit and not has_visited(sessions.get(subscriber.session_key, {}), subscriber.business_id)
        )

    return [subscriber for subscriber in subscribers if not (may_watch(subscriber) and is_signed_in(subscriber))]


PERMISSIONS: Final = {Access.VISITOR: VIEW_ANY_BUSINESS, Access.OPERATOR: VIEW_OPERATIONS}


def ids_of_staff_with(permission: str, user_ids: Collection[int]) -> set[int]:
    permitted = User.objects.with_perm(permission, backend="django.contrib.auth.backends.ModelBackend")
    return set(permitted.filter(pk__in=user_ids, is_staff=True).values_list("pk", flat=True))


def is_valid_session(session: Mapping[str, Any], user: User) -> bool:
    """A changed password ends every session, as Django's own check at the next request does."""
    stored = session.get(HASH_SESSION_KEY, "")
    return stored == user.get_session_auth_hash() or stored in user.get_session_auth_fallback_hash()
