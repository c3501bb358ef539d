"""What does the service write down? One JSON object per line, with ids and figures, never a feature value, a name or a key."""

import json
import logging
import sys
from typing import TextIO


class JsonLines(logging.Formatter):
    """Format a record as one JSON object; a failure brings its traceback, whose messages are of our own making."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "log": record.name,
        }
        if record.name == "lianxin.access":
            line |= json.loads(record.getMessage())
        else:
            line["event"] = record.getMessage()
            line |= {name: getattr(record, name) for name in ("request_id", "code") if hasattr(record, name)}
        if record.exc_info:
            line["failure"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_to(stream: TextIO | None = None) -> None:
    """Send the service's and the server's log lines to the stream, standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("lianxin", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
