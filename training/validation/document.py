"""One document, one text: the dossier's numbers as canonical JSON, and its hash."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date
from enum import Enum
from typing import Any

from training.seal import dump_json

FORMAT = 1
DIGITS = 9
DECIMALS = 12


def canonical(document: Mapping[str, Any]) -> Any:
    """Return the document with plain types alone and every float at nine significant digits, and none finer than 1e-12.

    Another processor or another number of threads may add the same numbers in another order; that shows in the sixteenth
    digit, not in the ninth.

    Examples
    --------
    >>> canonical({"a": 0.1 + 0.2, "b": (1, None), "c": 1e-15})
    {'a': 0.3, 'b': [1, None], 'c': 0.0}
    """
    return _plain(document)


def encode(document: Mapping[str, Any]) -> bytes:
    """Return the canonical UTF-8 JSON of a document, keys sorted; refuses NaN and infinities."""
    return dump_json(canonical(document))


def digest(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON in hexadecimal."""
    return hashlib.sha256(encode(document)).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        # Adding 0.0 turns a negative zero into zero.
        return round(float(f"{value:.{DIGITS}g}"), DECIMALS) + 0.0
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date) else value
