"""Calendar months, each as its first day: parses them, and finds when they begin and end in a time zone."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from exporter.errors import PeriodError
from exporter.report.period import FIRST, LAST

MONTH = r'\d{4}-(?:0[1-9]|1[0-2])'


def parse(option: str, text: str) -> date:
    """The first day of a month such as 2026-10. Raises PeriodError, with `option`, if it is invalid or out of range."""
    if not re.fullmatch(MONTH, text, re.ASCII):
        raise PeriodError(f'{option}: invalid month {text!r}', 'write 2026-10')
    if not f'{FIRST:%Y-%m}' < text < f'{LAST:%Y-%m}':
        raise PeriodError(f'{option}: {text} is not between {FIRST:%Y-%m} and {LAST:%Y-%m}', 'choose a month in this range')
    return date.fromisoformat(f'{text}-01')


def following(month: date) -> date:
    """The month after a month."""
    return (month + timedelta(31)).replace(day=1)


def before(month: date) -> date:
    """The month before a month."""
    return (month - timedelta(1)).replace(day=1)


def bounds(month: date, timezone: str) -> tuple[datetime, datetime]:
    """When a month begins and when the next one begins, in UTC."""
    zone = ZoneInfo(timezone)
    begin, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (month, following(month)))
    return begin, end
