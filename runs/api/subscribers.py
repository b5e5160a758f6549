"""Who watches a stream, and whether they still may: asked for all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.db.models.functions import Now
from knox.models import AuthToken
from rest_framework.request import Request

from ..models import Business, Membership


@dataclass(eq=False)
class Subscriber:
    """One open stream. What it has yet to send is kept by run: the final status on each is enough."""

    user_id: int
    business_id: int
    language: str
    session_key: str = ""
    token_digest: str = ""
    resumed: datetime | None = None  # the last it heard of, by the database's clock
    is_greeted: bool = False
    ended: bool = False
    pending: dict[Any, bytes] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, request: Request, business: Business, language: str) -> Subscriber:
        token = str(getattr(request.auth, "digest", ""))
        session = "" if token else request._request.session.session_key or ""
        resumed = _parse_event_id(request.headers.get("Last-Event-ID", ""))
        return cls(int(request.user.pk or 0), business.pk, language, session, token, resumed)

    def send_updates(self, events: Mapping[Any, bytes]) -> None:
        if events:
            self.pending.update(events)
            self.wake.set()

    def end(self) -> None:
        self.ended = True
        self.wake.set()

    def take(self) -> bytes:
        self.wake.clear()
        events, self.pending = self.pending, {}
        return b"".join(events.values())


def _parse_event_id(event_id: str) -> datetime | None:
    """What isn't an id of ours is read as none."""
    try:
        return datetime.fromtimestamp(int(event_id) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def expired_subscribers(subscribers: Collection[Subscriber]) -> list[Subscriber]:
    """Those whose session, token, account or membership has ended: four queries, however many they are."""
    users = {user.pk: user for user in User.objects.filter(pk__in=_all(subscribers, "user_id"), is_active=True)}
    members = set(
        Membership.objects.filter(user__in=list(users), business__in=_all(subscribers, "business_id")).values_list(
            "user_id", "business_id"
        )
    )
    sessions = {
        session.session_key: session.get_decoded()
        for session in Session.objects.filter(session_key__in=_all(subscribers, "session_key"), expire_date__gt=Now())
    }
    unexpired = Q(expiry__gt=Now()) | Q(expiry=None)
    tokens = set(
        AuthToken.objects.filter(unexpired, digest__in=_all(subscribers, "token_digest")).values_list(
            "digest", flat=True
        )
    )

    def signed_in(subscriber: Subscriber) -> bool:
        if subscriber.token_digest:
            return subscriber.token_digest in tokens
        return _opens(sessions.get(subscriber.session_key, {}), users[subscriber.user_id])

    def may_watch(subscriber: Subscriber) -> bool:
        return (subscriber.user_id, subscriber.business_id) in members and signed_in(subscriber)

    return [subscriber for subscriber in subscribers if not may_watch(subscriber)]


def _all(subscribers: Collection[Subscriber], name: str) -> list[Any]:
    return list({getattr(subscriber, name) for subscriber in subscribers} - {""})


def _opens(session: Mapping[str, Any], user: User) -> bool:
    """A changed password ends every session, as Django does at the next request."""
    known = session.get(HASH_SESSION_KEY, "")
    return known == user.get_session_auth_hash() or known in user.get_session_auth_fallback_hash()
