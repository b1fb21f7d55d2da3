"""Restricts the timestamps of schemathesis to 1990 until now: most of its own are outside."""

from datetime import UTC, date, datetime

import schemathesis
from hypothesis import strategies as st

FIRST, LAST = datetime(1990, 1, 1), datetime.now()
schemathesis.openapi.format('date-time', st.datetimes(FIRST, LAST, timezones=st.just(UTC)).map(datetime.isoformat))
schemathesis.openapi.format('date', st.dates(FIRST.date(), LAST.date()).map(date.isoformat))
