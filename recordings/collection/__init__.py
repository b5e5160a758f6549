"""The work of a recording run: list the calls of a source, fetch their recordings, transcribe them. No Celery here."""
