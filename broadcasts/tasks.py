"""Thin Celery entries."""

from runs.progress import Progress
from runs.worker import run_task

from .models import WhatsAppBroadcast
from .sending import send


@run_task(WhatsAppBroadcast)
def send_broadcast(run: WhatsAppBroadcast, progress: Progress) -> None:
    send(run, progress)
