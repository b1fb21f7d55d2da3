"""Moments for schemathesis that are not before 1990 or in the future: nearly all of those of the formats themselves are."""

from datetime import UTC, date, datetime

import schemathesis
from hypothesis import strategies as st

FIRST, LAST = datetime(1990, 1, 1), datetime.now()
schemathesis.openapi.format('date-time', st.datetimes(FIRST, LAST, timezones=st.just(UTC)).map(datetime.isoformat))
schemathesis.openapi.format('date', st.dates(FIRST.date(), LAST.date()).map(date.isoformat))
