"""Times and dates that are none, or cannot have been."""

from tests.zoo.case import Case, cell

_ISO, _DAY, _YEARS, _FUTURE = "time_is_iso_8601", "date_is_iso_8601", "time_is_from_1900_to_2199", "not_in_the_future"


def _at(name: str, value: str, *rules: str, command: bool = False) -> Case:
    """A bad time of an order, which promises nothing so that only the time itself is wrong."""
    return cell(name, "orders.ordered_at", value, *(rules or (_ISO,)), also={"promised_at": ""}, command=command)


CASES: tuple[Case, ...] = (
    _at("the thirtieth of February", "2024-02-30", command=True),
    _at("a leap day of a common year", "2023-02-29T10:00:00"),
    _at("day and month swapped", "2024-31-01T08:00:00"),
    _at("day first with slashes", "31/01/2024"),
    _at("slashes", "2024/01/10 09:00"),
    _at("a two-digit year", "24-01-10"),
    _at("Excel's serial number", "45301.375"),
    _at("a Chinese date", "2024年1月10日"),
    _at("a Chinese half of the day", "2024-01-10 上午9:00"),
    _at("English words", "Jan 10, 2024"),
    _at("seconds since 1970", "1704873600"),
    _at("milliseconds since 1970", "1704873600000"),
    _at("one digit for the month", "2024-1-10"),
    _at("the basic format", "20240110T090000Z"),
    _at("a week date", "2024-W02-3"),
    _at("an ordinal date", "2024-010"),
    _at("fullwidth digits in a time", "２０２４-01-10"),
    _at("Arabic digits", "٢٠٢٤-01-10"),
    _at("the hour 25", "2024-01-10T25:00:00"),
    _at("a second after 24:00", "2024-01-10T24:00:01", command=True),
    _at("a leap second", "2016-12-31T23:59:60Z"),
    _at("the minute 60", "2024-01-10T09:60:00"),
    _at("an offset of a whole day", "2024-01-10T09:00:00+24:00"),
    _at("an offset beyond fourteen hours", "2024-01-10T09:00:00+14:30"),
    _at("an offset with sixty minutes", "2024-01-10T09:00:00+08:60"),
    _at("a zone by name", "2024-01-10T09:00:00 Asia/Shanghai"),
    _at("a zone by letters", "2024-01-10T09:00:00 CST"),
    _at("ten places after the second", "2024-01-10T09:00:00.1234567890"),
    _at("a space before the time", " 2024-01-10"),
    _at("a range of days", "2024-01-10/2024-01-12"),
    _at("infinity as a time", "infinity"),
    _at("the word now", "now"),
    _at("a time with an apostrophe", "'2024-01-10"),
    _at("the year zero", "0000-00-00 00:00:00"),
    _at("the year 1", "0001-01-01", _YEARS),
    _at("Excel's day zero", "1899-12-30", _YEARS),
    _at("an order in the year 9999", "9999-12-31", _YEARS, _FUTURE),
    _at("an order in the future", "2150-01-01T00:00:00", _FUTURE, command=True),
    cell("a promise in the year 9999", "orders.promised_at", "9999-12-31", _YEARS),
    cell("a time in a date", "suppliers.registered_on", "2010-05-06T00:00:00", _DAY),
    cell("a date with dots", "suppliers.registered_on", "2010.05.06", _DAY),
    cell("a date without dashes", "certificates.verified_at", "20220305", _ISO),
    cell("a year alone", "suppliers.registered_on", "2010", _DAY),
    cell("a month alone", "cooperations.ended_on", "2024-05", _DAY),
    cell("a date of the future", "certificates.issued_on", "2150-01-01", _FUTURE),
    cell("a date before 1900", "suppliers.registered_on", "0010-05-06", _YEARS),
    cell("a recording in the future", "reviews.reviewed_at", "2150-01-01", _FUTURE),
    cell("no time at all", "orders.ordered_at", "", "required_cell_is_given"),
)
