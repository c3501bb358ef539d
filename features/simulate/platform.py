"""One call from a seed to a folder of tables whose true probabilities of default are known."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

import numpy as np

from credit.errors import OutOfRange, TableUnreadable
from features.simulate.calendar import DAY_SECONDS, NEW_YEAR, Calendar, calendar_of
from features.simulate.files import write_tables
from features.simulate.history import live
from features.simulate.identity import INDUSTRIES, PROVINCES, names, usccs
from features.simulate.lending import plan_loans, repay
from features.simulate.population import Population, populate
from features.simulate.receivables import bill, review
from features.simulate.records import (
    Columns,
    fulfilment_rows,
    invoice_rows,
    loan_rows,
    order_rows,
    purchase_rows,
    review_rows,
)
from features.simulate.step import CHEAT
from features.simulate.trade import deliver, place_orders
from features.simulate.truth import Truth, true_pds
from features.simulate.upkeep import Monthly, Papers, certify, cooperate, joining_day, observe, purchase
from features.simulate.world import World, check_world

MIN_SUPPLIERS, MAX_SUPPLIERS = 50, 200_000
MIN_MONTHS, MAX_MONTHS = 24, 12 * (len(NEW_YEAR) - 1)
WORLD_FILE = Path("truth") / "world.json"

Progress = Callable[[str, float], None]


def simulate(
    out: Path,
    *,
    suppliers: int,
    months: int,
    seed: int,
    progress: Progress | None = None,
    world: World = World(),  # noqa: B008 - frozen
) -> str:
    """Write a simulated platform to ``out`` and return its digest; the same arguments give the same bytes.

    Parameters
    ----------
    out : Path
        New or empty, or an earlier simulation, which is replaced. Gets ``<table>.parquet`` for the contract's tables except
        labels, ``truth/true_pd.parquet`` and ``truth/world.json``.
    suppliers : int
        50 to 200,000.
    months : int
        24 to 120; the last one is June 2026.
    seed : int
        0 or more.
    progress : callable, optional
        Called with the step's name and the share done, 0 to 1.
    world : World
        The law.

    Returns
    -------
    str
        SHA-256 over the content of every table, hexadecimal.

    Raises
    ------
    OutOfRange
        If a number lies outside its domain.
    TableUnreadable
        If ``out`` holds something that is not an earlier simulation.
    """
    _check("suppliers", suppliers, MIN_SUPPLIERS, MAX_SUPPLIERS)
    _check("months", months, MIN_MONTHS, MAX_MONTHS)
    _check("seed", seed, 0, 2**63 - 1)
    _check("downturn_months_before_end", world.downturn_months_before_end, 1, months - 1)
    check_world(world)
    _check_target(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.parent / f".{out.name}.{uuid4().hex[:8]}.draft"
    try:
        (draft / "truth").mkdir(parents=True)
        tell = progress or (lambda _step, _share: None)
        tables, last_day, noise = _tables(suppliers, months, seed, world, tell)
        tell("write", 0.8)
        digest = write_tables(draft, tables, last_day=last_day)
        record = {
            "suppliers": suppliers, "months": months, "seed": seed, "digest": digest,
            "truth_noise_log_odds": round(noise, 5), "world": asdict(world),
        }  # fmt: skip
        (draft / WORLD_FILE).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        if out.exists():
            shutil.rmtree(out)
        draft.rename(out)
        tell("write", 1.0)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return digest


def _tables(count: int, months: int, seed: int, world: World, tell: Progress) -> tuple[dict[str, Columns], int, float]:
    """Return every table's columns, the last day, and the truth's Monte-Carlo noise."""
    draws = [np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(12)]
    calendar = calendar_of(months, world.new_year_volume)
    end = calendar.end
    tell("world", 0.0)
    people = populate(count, months, world, draws[0])
    past = live(people, months, world, draws[1])
    plan = plan_loans(people, past, months, world, draws[2])
    tell("truth", 0.1)
    truth = true_pds(people, past, plan, months, world, draws[3])
    tell("trade", 0.5)
    orders = place_orders(people, past, calendar, world, draws[4])
    sent = deliver(orders, people, past, calendar, world, draws[5])
    tell("receivables", 0.65)
    invoices = bill(orders, sent, people, past, calendar, world, draws[6])
    reviews = review(orders, sent, people, past, calendar, world, draws[7])
    tell("upkeep", 0.75)
    stock = observe(people, past, calendar, draws[8])
    loans, repayments = loan_rows(repay(plan, people, past, calendar, world, draws[9]))
    rows = draws[10]
    tables = {
        "suppliers": _supplier_rows(people, calendar, draws[11]),
        "orders": order_rows(orders, people, end, world, rows),
        "fulfilments": fulfilment_rows(sent, orders, end, world, rows),
        "reviews": review_rows(reviews, orders, people, end, world, rows),
        "invoices": invoice_rows(invoices, orders, people, end, world, rows),
        "purchases": purchase_rows(purchase(orders, people, past, calendar, world, draws[8]), people),
        "loans": loans,
        "repayments": repayments,
        "inventory": _monthly_rows(stock, people),
        "production": _monthly_rows(stock, people),
        "certificates": _paper_rows(certify(people, calendar, draws[11])),
        "cooperations": _paper_rows(cooperate(people, calendar, draws[11])),
        "truth/true_pd": _truth_rows(truth, people, calendar),
    }
    return tables, int(calendar.starts[-1]) - 1, truth.noise


def _supplier_rows(people: Population, calendar: Calendar, rng: np.random.Generator) -> Columns:
    joined = joining_day(people, calendar)
    province = [PROVINCES[i] for i in people.province]
    industry = [INDUSTRIES[i][1] for i in people.industry]
    return {
        "supplier": np.arange(people.count),
        "name": np.array(names([p[0] for p in province], industry, people.sole_trader, rng), dtype=object),
        "uscc": np.array(usccs([p[1] for p in province], people.sole_trader, rng), dtype=object),
        "sole": people.sole_trader.astype(np.int64),
        "registered": joined - 60 - np.round(people.age_years * 365).astype(np.int64),
        "joined": joined * DAY_SECONDS + rng.integers(0, 7 * 3600, people.count),
        "province": people.province,
        "industry": people.industry,
    }


def _monthly_rows(monthly: Monthly, people: Population) -> Columns:
    return {
        "supplier": monthly.supplier,
        "observed": monthly.observed,
        "industry": people.industry[monthly.supplier],
        "stock": monthly.stock,
        "cover": monthly.cover,
        "utilisation": monthly.utilisation,
    }


def _paper_rows(papers: Papers) -> Columns:
    names_of = ("supplier", "kind", "partner", "level", "start", "stop")
    return {name: getattr(papers, name) for name in names_of}


def _truth_rows(truth: Truth, people: Population, calendar: Calendar) -> Columns:
    return {
        "supplier": truth.supplier,
        "as_of": calendar.starts[truth.month],
        "pd": truth.pd,
        "has_loan": truth.has_loan.astype(np.int64),
        "cheat": people.traits[truth.supplier, CHEAT].astype(np.int64),
    }


def _check(name: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OutOfRange(f"{name} must be a whole number from {low} to {high}; got {value!r}. Choose one in that range.")


def _check_target(out: Path) -> None:
    if not out.exists():
        return
    earlier = (out / WORLD_FILE).is_file() if out.is_dir() else False
    if not earlier and (not out.is_dir() or any(out.iterdir())):
        raise TableUnreadable(f"{out} holds something that is not an earlier simulation; name a new or an empty folder.")
