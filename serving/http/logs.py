"""What does the service write down? One JSON object per line, with ids and figures, never a feature value, a name or a key."""

import json
import logging
import sys
import traceback
from typing import TextIO


class JsonLines(logging.Formatter):
    """Format a record as one JSON object; a failure brings its kind and where it happened, no message."""

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
            line["failure"] = _where(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def _where(failure: BaseException | None) -> dict[str, object]:
    """Return an exception's type and its places in the code; a library's message may quote what a caller sent."""
    frames = traceback.extract_tb(failure.__traceback__) if failure is not None else []
    return {"kind": type(failure).__qualname__, "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]}


def log_to(stream: TextIO | None = None) -> None:
    """Send the service's and the server's log lines to the stream, standard error by default."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("lianxin", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
