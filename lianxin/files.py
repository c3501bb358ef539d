"""Files that commands write: whole or not at all."""

import os
from pathlib import Path

from credit.errors import CannotWrite


def write_file(path: Path, data: bytes) -> None:
    """Write a file beside its place and rename it there; raise `CannotWrite` where that cannot be done."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise CannotWrite(f"{path} cannot be written ({error.strerror}); name a file in a folder that can be written") from error
