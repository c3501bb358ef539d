"""What a damaged file is in the zoo, and the usual ways to make one: a good table of forty rows with one damage in the middle."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.features.folders import Row, changed, csv_text, write_folder

GOOD_ROWS = 40
DAMAGED_ROW = 21
BUILT_FIRST = ("suppliers", "orders", "fulfilments", "reviews")

_KEYS: Mapping[str, str] = {
    "suppliers": "supplier_id", "orders": "order_id", "fulfilments": "fulfilment_id", "reviews": "review_id",
    "purchases": "purchase_id", "invoices": "invoice_id", "loans": "loan_id", "repayments": "loan_id",
    "inventory": "category", "production": "observed_at", "certificates": "issued_on", "cooperations": "partner_id",
    "labels": "as_of",
}  # fmt: skip


@dataclass(frozen=True)
class Aside:
    """One line of the rejects: where, which rule, and the value as it is shown."""

    row: int
    column: str
    rule: str
    value: str


@dataclass(frozen=True)
class Case:
    """A damaged table in a folder of good ones, and everything the door must say of it.

    Either the import is refused, and the message holds every text in `refused` (what was found, and what to do); or it
    goes on, and the rejects of the table are exactly `aside` while `kept` rows of `rows` come through. `command` has the
    real commands asked as well.
    """

    name: str
    table: str
    damage: Callable[[Path], object]
    refused: tuple[str, ...] = ()
    aside: tuple[Aside, ...] = ()
    kept: int = 0
    rows: int = 0
    command: bool = False
    seconds: float = 5.0

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables to read: what the damaged one hangs on, and itself."""
        return tuple(dict.fromkeys(("suppliers", "orders", self.table)))

    def build(self, folder: Path) -> None:
        """Write the four required tables with one good row each, then the damage in place of its table."""
        write_folder(folder)
        for path in folder.iterdir():
            if path.stem not in BUILT_FIRST or path.stem == self.table:
                path.unlink()
        self.damage(folder)


def good_rows(table: str, count: int = GOOD_ROWS) -> list[Row]:
    """That many good rows; the first is the one that the other tables refer to."""
    key = _KEYS[table]
    first = changed(table)
    dates = [f"{1960 + place}-01-01" for place in range(count)]
    own = dates if key.endswith(("_at", "_on", "_of")) else [f"x{place}" for place in range(count)]
    rows = [first, *({**first, key: own[place]} for place in range(1, count))]
    return rows if table != "orders" else [first, *({**row, "order_id": f"o{place}"} for place, row in enumerate(rows[1:], 2))]


def damaged_rows(table: str, *rows: Row) -> list[Row]:
    """Twenty good rows, the damaged ones, twenty good ones."""
    good = good_rows(table)
    return [*good[: DAMAGED_ROW - 1], *rows, *good[DAMAGED_ROW - 1 :]]


def put(name: str, content: bytes | str) -> Callable[[Path], object]:
    """The damage of writing one file."""
    return lambda folder: (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def cell(
    name: str, where: str, value: str, *rules: str, also: Mapping[str, str] | None = None, row: int = DAMAGED_ROW, command: bool = False
) -> Case:
    """One bad cell, `where` as ``table.column``, that breaks the rules named; `also` are other cells of its row."""
    table, column = where.split(".")
    key = _KEYS[table]
    own = {} if key == column else {key: "2010-06-06" if key.endswith(("_at", "_on", "_of")) else "damaged"}
    bad = changed(table, **{**own, **(also or {}), column: value})
    aside = tuple(Aside(row, column, rule, value[:80]) for rule in sorted(rules))
    return rows_case(name, table, (bad,), *aside, command=command)


def rows_case(name: str, table: str, bad: Sequence[Row], *aside: Aside, lost: int | None = None, command: bool = False) -> Case:
    """Bad rows between good ones; `lost` of them are set aside, by default all."""
    text = csv_text(damaged_rows(table, *bad))
    gone = len(bad) if lost is None else lost
    total = GOOD_ROWS + len(bad)
    return Case(name, table, put(f"{table}.csv", text), aside=aside, kept=total - gone, rows=total, command=command)


def orders_text(*bad: Row) -> str:
    """The good orders as CSV, with bad rows in the middle."""
    return csv_text(damaged_rows("orders", *bad))


def line(**cells: str) -> str:
    """One order as a line of CSV without its end."""
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="").writerow(changed("orders", **{"order_id": "damaged", **cells}).values())
    return stream.getvalue()


def misshapen(name: str, damaged: bytes | str, rule: str, *, value: str | None = None, command: bool = False) -> Case:
    """Good orders with one line that cannot be split in the middle; its text is shown as far as it is text."""
    raw = damaged.encode() if isinstance(damaged, str) else damaged
    lines = orders_text().encode().splitlines(keepends=True)
    content = b"".join([*lines[:DAMAGED_ROW], raw + b"\n", *lines[DAMAGED_ROW:]])
    told = raw.decode(errors="replace") if value is None else value
    aside = Aside(DAMAGED_ROW, "", rule, told[:80])
    return Case(name, "orders", put("orders.csv", content), aside=(aside,), kept=GOOD_ROWS, rows=GOOD_ROWS + 1, command=command)


def refused(
    name: str, damage: Callable[[Path], object], *said: str, table: str = "orders", command: bool = False, seconds: float = 5.0
) -> Case:
    """A damage for which the whole import is refused, saying all of `said`."""
    return Case(name, table, damage, refused=said, command=command, seconds=seconds)
