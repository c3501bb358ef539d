from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest

from features.civil import ALWAYS, NONE, civil_date, civil_days, offsets_of, to_date, to_day

ZONES = (
    "UTC", "Asia/Shanghai", "Asia/Urumqi", "Asia/Hong_Kong", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Pyongyang", "Asia/Tehran",
    "America/New_York", "America/St_Johns", "America/Caracas", "America/Sao_Paulo", "Africa/Casablanca", "Africa/Cairo", "Africa/Monrovia",
    "Australia/Lord_Howe", "Antarctica/Troll", "Europe/London", "Europe/Dublin", "Europe/Lisbon", "Pacific/Apia", "Pacific/Kiritimati",
    "Pacific/Chatham", "Pacific/Marquesas", "Atlantic/Azores",
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime) -> int:
    return round((at - EPOCH) / timedelta(microseconds=1))


def days_of(moments: list[datetime], zone: str) -> list[int]:
    at = np.array([micros(moment) for moment in moments], dtype=np.int64)
    return [int(day) for day in civil_days(at, np.ones(len(at), dtype=np.bool_), zone)]


def expected(moments: list[datetime], zone: str) -> list[int]:
    return [(moment.astimezone(ZoneInfo(zone)).date() - date(1970, 1, 1)).days for moment in moments]


@pytest.mark.parametrize("zone", ZONES)
def test_a_civil_day_is_the_one_the_clocks_of_the_zone_show(zone: str) -> None:
    rng = np.random.default_rng(7)
    span = int((datetime(2200, 1, 1, tzinfo=UTC) - datetime(1900, 1, 1, tzinfo=UTC)).total_seconds())
    anywhere = [datetime(1900, 1, 1, tzinfo=UTC) + timedelta(seconds=int(s)) for s in rng.integers(0, span, 3000)]
    assert days_of(anywhere, zone) == expected(anywhere, zone)
    midnights = [
        datetime(int(moment.year), moment.month, moment.day, tzinfo=ZoneInfo(zone)).astimezone(UTC) + timedelta(microseconds=tick)
        for moment in anywhere[:1000]
        for tick in (-1, 0, 1)
        if moment.year > 1900
    ]
    assert days_of(midnights, zone) == expected(midnights, zone)
    assert [day for moment in midnights for day in days_of([moment], zone)] == expected(midnights, zone), "a run within one offset, too"


@pytest.mark.parametrize("zone", ZONES)
def test_an_offset_changes_at_the_second_the_zones_rules_say(zone: str) -> None:
    since, held = offsets_of(zone)
    rules = ZoneInfo(zone)

    def offset(at: datetime) -> int:
        return round((at.astimezone(rules).utcoffset() or timedelta()) / timedelta(microseconds=1))

    assert since[0] == ALWAYS
    for place in range(1, len(since)):
        change = EPOCH + timedelta(microseconds=int(since[place]))
        assert (offset(change - timedelta(seconds=1)), offset(change)) == (held[place - 1], held[place])
    years = [datetime(year, month, 1, 12, tzinfo=UTC) for year in range(1900, 2200) for month in range(1, 13)]
    at = np.searchsorted(since, [micros(moment) for moment in years], side="right") - 1
    assert held[at].tolist() == [offset(moment) for moment in years]


def test_a_day_that_a_zone_left_out_stays_left_out() -> None:
    around = [datetime(2011, 12, 30, 9, 59, 59, tzinfo=UTC), datetime(2011, 12, 30, 10, tzinfo=UTC)]
    assert [to_date(day) for day in days_of(around, "Pacific/Apia")] == [date(2011, 12, 29), date(2011, 12, 31)]


def test_times_before_1970_fall_into_their_own_day() -> None:
    before = [EPOCH - timedelta(microseconds=1), EPOCH - timedelta(days=1), EPOCH - timedelta(hours=8, microseconds=1), EPOCH]
    assert days_of(before, "UTC") == [-1, -1, -1, 0]
    assert days_of(before, "Asia/Shanghai") == [0, -1, -1, 0]


def test_what_is_not_given_has_no_day_whatever_number_stands_there() -> None:
    at = np.array([np.iinfo(np.int64).min, 0, np.iinfo(np.int64).max], dtype=np.int64)
    assert civil_days(at, np.array([False, True, False]), "Asia/Shanghai").tolist() == [NONE, 0, NONE]
    assert civil_days(at[:0], np.zeros(0, dtype=np.bool_), "UTC").tolist() == []


def test_the_order_of_the_times_does_not_matter() -> None:
    at = np.random.default_rng(1).integers(-(2**50), 2**52, 5000)
    valid = np.ones(len(at), dtype=np.bool_)
    order = np.argsort(at)
    assert civil_days(at, valid, "America/New_York")[order].tolist() == civil_days(at[order], valid, "America/New_York").tolist()


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/St_Johns"])
def test_the_engine_of_tables_says_the_same_day(zone: str) -> None:
    moments = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=7 * step, minutes=30) for step in range(2000)]
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (moment TIMESTAMP)")
        con.executemany("INSERT INTO t VALUES (?)", [[moment.replace(tzinfo=None)] for moment in moments[:300]])
        told = [day for (day,) in con.execute(f"SELECT {civil_date('moment', zone)} FROM t").fetchall()]
    assert [to_date(day) for day in days_of(moments[:300], zone)] == told


@pytest.mark.parametrize("day", [date(1, 1, 1), date(1969, 12, 31), date(1970, 1, 1), date(2024, 2, 29), date(9999, 12, 31)])
def test_a_date_comes_back(day: date) -> None:
    assert to_date(to_day(day)) == day
