"""Celery tasks. Each calls one function."""

import logging

from celery import current_app, shared_task

from runs.lifecycle import run_task
from runs.lifecycle.broker_calls import call_broker
from runs.progress import Progress

from . import standing
from .models import ProviderAccount, WhatsAppBroadcast
from .sending import send

logger = logging.getLogger(__name__)

QUEUE = WhatsAppBroadcast.queue
CHECK_ACCOUNT = "broadcasts.check_account"


@run_task(WhatsAppBroadcast)
def send_broadcast(run: WhatsAppBroadcast, progress: Progress) -> None:
    send(run, progress)


@shared_task(name="broadcasts.check_accounts", ignore_result=True)
def check_accounts() -> None:
    """Check the standing of all accounts; beat sends this every hour."""
    standing.check_accounts()


@shared_task(name=CHECK_ACCOUNT, ignore_result=True)
def check_account(account_id: int) -> None:
    if account := ProviderAccount.objects.filter(pk=account_id).first():
        standing.check_account(account)


def check_account_soon(account_id: int) -> None:
    """After an account was saved. Without a broker the save still succeeds: beat's hourly check follows."""
    try:
        call_broker(current_app.send_task, CHECK_ACCOUNT, args=[account_id], queue=QUEUE)
    except Exception as error:
        logger.warning("Could not queue a check of account %s: %r", account_id, error)
