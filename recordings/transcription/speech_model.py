"""Loads the speech model, once a process: it takes seconds to minutes, and hundreds of megabytes."""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from runs.exceptions import RunRejected

from ..stored_messages import MODEL_NOT_LOADED
from .transcriber import Transcriber

logger = logging.getLogger(__name__)

_loading = threading.Lock()


def load_transcriber() -> Transcriber:
    """A transcriber with this process's model, which the first call loads, without any heartbeat meanwhile.

    Raises `RunRejected` with what to install or to set.
    """
    with _loading:
        return Transcriber(load_model(settings.WHISPER_MODEL))


def is_model_loaded() -> bool:
    return bool(load_model.cache_info().currsize)


@lru_cache(maxsize=1)
def load_model(name: str) -> Any:
    if find_spec("faster_whisper") is None:
        raise RunRejected(_("Transcribing needs the package faster-whisper on the worker: pip install faster-whisper."))
    if not name:
        raise RunRejected(
            _(
                "No speech model is configured. Set WHISPER_MODEL to a size (such as “small”), to the folder of a"
                " CTranslate2 model, or to the name of one on the Hugging Face hub; or choose to download only."
            )
        )
    # Optional packages, imported late: they cost a second and 60 MB, which only workers that transcribe should pay.
    import ctranslate2
    from faster_whisper import WhisperModel

    device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    try:
        return WhisperModel(
            name,
            device=device,
            compute_type=settings.WHISPER_COMPUTE_TYPE or ("float16" if device == "cuda" else "int8"),
            cpu_threads=settings.WHISPER_THREADS,
        )
    except Exception as error:
        # An unknown name, no network, a folder of something else: each fails with an exception of its own.
        logger.exception("Could not load the speech model %s", name)
        raise RunRejected(MODEL_NOT_LOADED % {"name": name}) from error
