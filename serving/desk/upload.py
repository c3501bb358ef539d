"""One file and the fields beside it, as a browser sends them without a script: multipart/form-data (RFC 7578)."""

import re
from email.parser import BytesParser
from email.policy import HTTP

from starlette.exceptions import HTTPException
from starlette.requests import Request

from serving.http.body import read_bytes

_KIND = re.compile(r"multipart/form-data\s*;.{0,200}", re.IGNORECASE | re.DOTALL)
MOST_PARTS = 12


async def read_multipart(request: Request, most: int) -> tuple[dict[str, str], bytes]:
    """Return the fields of a form and its one file, empty where none was chosen; at most so many bytes in all."""
    raw = await read_bytes(request, _KIND, most)
    kind = request.headers["content-type"].encode("latin-1")
    told = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + raw)
    parts = list(told.iter_parts()) if told.is_multipart() else []
    if not parts or len(parts) > MOST_PARTS:
        raise HTTPException(400)
    fields, file = {}, b""
    for part in parts:
        content = part.get_payload(decode=True)
        content = content if isinstance(content, bytes) else b""
        if part.get_filename() is None:
            fields[str(part.get_param("name", header="content-disposition"))] = content.decode("utf-8", "replace")
        else:
            file = content
    return fields, file
