"""What the log shortens."""

import logging

from runs.database import is_database_away


class OutageInOneLine(logging.Filter):
    """Logs an outage of the database as one line without a traceback. For loggers of other libraries."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if is_database_away(error):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.args, record.exc_info = "Waits for the database: %s", (str(error).split("\n")[0],), None
        return True
