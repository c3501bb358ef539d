"""Parquet files written byte by byte, so that every number in their headers can be a lie: text columns, one row group."""

from dataclasses import dataclass, field

_BYTE_ARRAY, _UTF8, _PLAIN, _RLE_DICTIONARY, _RLE = 6, 0, 0, 8, 3
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12


class Int64(int):
    """A whole number that Thrift writes as 64 bits wide; any other is 32."""


@dataclass(frozen=True)
class Lies:
    """What a header says instead of the truth, where it is not None."""

    rows: int | None = None
    column_values: int | None = None
    page_values: int | None = None
    page_bytes: int | None = None
    unpacked_bytes: int | None = None
    page_offset: int | None = None
    children: int | None = None
    depth: int = 0
    codec: int = 0
    dictionary_values: int | None = None
    dictionary_bytes: int | None = None
    index_width: int | None = None
    footer_bytes: int | None = None
    string_bytes: int | None = None
    run: int | None = None
    chunk_bytes: int | None = None
    chunk_unpacked: int | None = None
    kind: int = _BYTE_ARRAY
    names: dict[str, str] = field(default_factory=dict)


def parquet(columns: dict[str, list[str]], lies: Lies | None = None, *, dictionary: bool = False) -> bytes:
    """A Parquet file of required text columns; `lies` go into the headers, the cells stay as given."""
    lies = lies or Lies()
    rows = len(next(iter(columns.values())))
    body, chunks = bytearray(b"PAR1"), []
    for name, cells in columns.items():
        start = len(body)
        pages = _dictionary_page(cells, lies) if dictionary else b""
        data_at = start + len(pages)
        body += pages + _data_page(cells, lies, dictionary=dictionary)
        chunks.append(_chunk(lies.names.get(name, name), start, data_at, len(body) - start, rows, lies, dictionary=dictionary))
    footer = _footer(list(columns), chunks, rows, len(body), lies)
    length = len(footer) if lies.footer_bytes is None else lies.footer_bytes
    return bytes(body) + footer + length.to_bytes(4, "little") + b"PAR1"


def _said(lie: int | None, truth: int) -> int:
    return truth if lie is None else lie


def _plain(cells: list[str], lies: Lies) -> bytes:
    return b"".join(_said(lies.string_bytes, len(cell.encode())).to_bytes(4, "little") + cell.encode() for cell in cells)


def _data_page(cells: list[str], lies: Lies, *, dictionary: bool) -> bytes:
    if dictionary:
        # One run: every row is the dictionary's first entry.
        width = _said(lies.index_width, 1)
        content = bytes([width]) + _varint(_said(lies.run, len(cells)) << 1) + b"\0" * max(1, (min(width, 32) + 7) // 8)
    else:
        content = _plain(cells, lies)
    header = {1: _DATA_PAGE, 2: _said(lies.unpacked_bytes, len(content)), 3: _said(lies.page_bytes, len(content))}
    encoding = _RLE_DICTIONARY if dictionary else _PLAIN
    return _struct({**header, 5: {1: _said(lies.page_values, len(cells)), 2: encoding, 3: _RLE, 4: _RLE}}) + content


def _dictionary_page(cells: list[str], lies: Lies) -> bytes:
    content = _plain(cells[:1], lies)
    size = _said(lies.dictionary_bytes, len(content))
    return _struct({1: _DICTIONARY_PAGE, 2: size, 3: len(content), 7: {1: _said(lies.dictionary_values, 1), 2: _PLAIN}}) + content


def _chunk(name: str, start: int, data_at: int, size: int, rows: int, lies: Lies, *, dictionary: bool) -> dict[int, object]:
    meta: dict[int, object] = {
        1: lies.kind, 2: [_PLAIN, _RLE], 3: [name], 4: lies.codec, 5: Int64(_said(lies.column_values, rows)),
        6: Int64(_said(lies.chunk_unpacked, size)), 7: Int64(_said(lies.chunk_bytes, size)), 9: Int64(_said(lies.page_offset, data_at)),
    }  # fmt: skip
    if dictionary:
        meta[11] = Int64(start)
    return {2: Int64(start), 3: meta}


def _footer(names: list[str], chunks: list[dict[int, object]], rows: int, size: int, lies: Lies) -> bytes:
    nested = [{3: 0, 4: f"d{level}", 5: 1} for level in range(lies.depth)]
    leaves = [{1: lies.kind, 3: 0, 4: lies.names.get(name, name), **({6: _UTF8} if lies.kind == _BYTE_ARRAY else {})} for name in names]
    root = {4: "schema", 5: _said(lies.children, 1 if lies.depth else len(names))}
    said = Int64(_said(lies.rows, rows))
    group = {1: chunks, 2: Int64(size), 3: said}
    return _struct({1: 1, 2: [root, *nested, *leaves], 3: said, 4: [group]})


def _struct(fields: dict[int, object]) -> bytes:
    """A Thrift struct in the compact protocol."""
    out, last = bytearray(), 0
    for number, value in sorted(fields.items()):
        kind, content = _value(value)
        out += bytes([(number - last) << 4 | kind]) + content
        last = number
    return bytes(out) + b"\0"


def _value(value: object) -> tuple[int, bytes]:
    match value:
        case Int64():
            return _I64, _varint(_zigzag(value))
        case int():
            return _I32, _varint(_zigzag(value))
        case str():
            return _BINARY, _varint(len(value.encode())) + value.encode()
        case dict():
            return _STRUCT, _struct(value)
        case list():
            items = [_value(item) for item in value]
            kind = items[0][0]
            size = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + _varint(len(items))
            return _LIST, size + b"".join(content for _, content in items)
        case _:
            raise TypeError(type(value))


def _zigzag(number: int) -> int:
    return (number << 1) ^ (number >> 63)


def _varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])
