"""Broadcasts, opt-outs, accounts and Meta's webhook over HTTP."""

from django.urls import path

from . import accounts, opt_outs
from .broadcasts import BroadcastStatus, RetryableRecipients, RetryUnknown
from .drafts import Broadcasts, Preview
from .webhook import Webhook

urlpatterns = [
    *opt_outs.urlpatterns,
    *accounts.urlpatterns,
    path("broadcasts/", Broadcasts.as_view(), name="broadcasts"),
    path("broadcasts/preview/", Preview.as_view(), name="broadcast-preview"),
    path("broadcasts/<int:id>/status/", BroadcastStatus.as_view(), name="broadcast-status"),
    path("broadcasts/<int:id>/retryable/", RetryableRecipients.as_view(), name="broadcast-retryable"),
    path("broadcasts/<int:id>/retry-unknown/", RetryUnknown.as_view(), name="broadcast-retry-unknown"),
    path("webhook/", Webhook.as_view(), name="whatsapp-webhook"),
]
