"""The texts of the alerts, in English only."""

from typing import NamedTuple


class AlertText(NamedTuple):
    """The texts of one alert. Its section in docs/alerts.md has its title."""

    title: str
    summary: str  # {name:.0f} is a value of its query, with that many decimals; the name of the portal comes first


_UNUSUAL_CALLS = '{calls:.0f} calls in an hour; usually {usual:.0f} at this hour of this weekday'

ACTIVITY_DROPS = AlertText('Activity drops', _UNUSUAL_CALLS)
ACTIVITY_PEAKS = AlertText('Activity peaks', _UNUSUAL_CALLS)
NO_DATA = AlertText(
    'No data at all',
    'no calls stored for {hours:.1f} hours; the longest usual gap is {usual_hours:.1f} hours',
)
REJECTS_RISE = AlertText(
    'Rejects rise',
    '{percent:.1f} % of the newest hour of input rejected; usually {usual_percent:.1f} %',
)
CALLS_ARRIVE_LATE = AlertText(
    'Calls arrive late',
    'the newest calls were stored {minutes:.0f} minutes after they were made; usually {usual_minutes:.0f}',
)
