"""One item of a run: fetch the call's recording and transcribe it, as far as that is still to be done."""

from __future__ import annotations

from django.utils.translation import gettext as _

from runs.progress import Progress

from ..models import FETCH_SHARE, Call, Recording
from ..sources import StillRecording
from .context import CollectionContext
from .download import adopt_stored_file, fetch_recording
from .transcribe import transcribe_call


def process_recording(context: CollectionContext, recording: Recording) -> None:
    """Do what the call lacks, and report the item as done, skipped or failed. No error in here fails the run."""
    progress, call = context.progress, recording.call
    progress.note(current=str(call or recording.key), current_pct=0.0)
    if call is None:
        message = recording.error_message or _("Neither the file's name nor a file beside it says what call this is.")
        progress.failed(recording.key, message, code="misnamed")
        return
    if not call.estimate_remaining_work(context.run.job_type) and not recording.begun:
        progress.skipped(recording.key, _("An earlier run has done this call."), code="known")
        return
    with progress.item(recording.key):
        progress.fenced(recording.mark_begun)
        try:
            context.outage.retry_while_source_is_away(lambda: complete_call(context, call))
        except StillRecording:
            message = _("This call is still being recorded: a later run takes it.")
            progress.skipped(recording.key, message, code="recording")


def complete_call(context: CollectionContext, call: Call) -> None:
    """Fetch and transcribe what is missing. Raises what `fetch_recording` and `transcribe_call` raise."""
    progress, transcriber = context.progress, context.transcriber
    fetch_share = 0.0  # of the item's work
    if not call.is_fetched and not adopt_stored_file(context, call):
        fetch_share = FETCH_SHARE if transcriber else 1.0
        fetch_recording(context, call, report_share=lambda share: report_item_share(progress, fetch_share * share))
        progress.weigh(call.weigh_work(fetches=True, transcribes=transcriber is not None))  # by its true duration
    if transcriber and not call.transcribed_at:
        transcribe_call(
            context,
            transcriber,
            call,
            report_share=lambda share: report_item_share(progress, fetch_share + (1 - fetch_share) * share),
        )


def report_item_share(progress: Progress, share: float) -> None:
    """Show how much of the item is done, from 0 to 1. Raises `RunStopped`."""
    progress.note(current_pct=round(100 * share, 1))
    progress.inside(share)
