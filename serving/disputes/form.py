"""A form with a file, as a browser sends it (RFC 7578): read as bytes, each field once, nothing of it interpreted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serving.http.refusals import BodyNotJson

MEDIA_TYPE: Final = re.compile(r'multipart/form-data;\s*boundary="?([0-9A-Za-z\'()+_,./:=?-]{1,70})"?\s*', re.ASCII | re.IGNORECASE)
_NAME: Final = re.compile(rb'form-data;.*?\bname="([a-z_]{1,40})"', re.IGNORECASE)
_TYPE: Final = re.compile(rb"^content-type:\s*([!-~]{1,100}?)(?:;.*)?\s*$", re.IGNORECASE)
_PARTS_AT_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Part:
    """One field: its bytes, and the media type the browser says they are of, empty where it says none."""

    data: bytes
    media_type: str

    @property
    def text(self) -> str:
        """The bytes as text, with plain line ends and without outer spaces; what is not UTF-8 is replaced."""
        return self.data.decode("utf-8", "replace").replace("\r\n", "\n").strip()


def parse_form(raw: bytes, content_type: str) -> Mapping[str, Part]:
    """Return the fields of a form by name.

    Raises
    ------
    BodyNotJson
        With the code ``invalid``: it is no such form, or a field stands twice.

    Examples
    --------
    >>> raw = b'--x\\r\\nContent-Disposition: form-data; name="row_id"\\r\\n\\r\\nO-1\\r\\n--x--\\r\\n'
    >>> parse_form(raw, "multipart/form-data; boundary=x")["row_id"].text
    'O-1'
    """
    found = MEDIA_TYPE.fullmatch(content_type)
    if found is None:
        raise BodyNotJson("invalid")
    first, *parts = (b"\r\n" + raw).split(b"\r\n--" + found[1].encode())
    if first or not parts or not parts[-1].startswith(b"--") or len(parts) > _PARTS_AT_MOST:
        raise BodyNotJson("invalid")
    fields: dict[str, Part] = {}
    for part in parts[:-1]:
        head, blank, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not blank or name is None or name[1].decode() in fields:
            raise BodyNotJson("invalid")
        kinds = [kind[1].decode() for line in head.split(b"\r\n") if (kind := _TYPE.match(line))]
        fields[name[1].decode()] = Part(data, kinds[0].lower() if kinds else "")
    return fields
