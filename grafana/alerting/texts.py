"""The texts of the alerts, in English only."""

from typing import NamedTuple


class AlertText(NamedTuple):
    """The texts of one alert. Its section in docs/alerts.md has its title."""

    title: str
    summary: str  # {name:.0f} is a value of its query, with that many decimals; the name of the portal comes first


_UNUSUAL_CALLS = '{calls:.0f} calls in an hour; {usual:.0f} are usual at this hour of this weekday'

ACTIVITY_DROPS = AlertText('Activity drops', _UNUSUAL_CALLS)
ACTIVITY_PEAKS = AlertText('Activity peaks', _UNUSUAL_CALLS)
NO_DATA = AlertText(
    'No data at all',
    'nothing was stored for {hours:.1f} hours; {usual_hours:.1f} is the longest usual wait',
)
REJECTS_RISE = AlertText(
    'Rejects rise',
    '{percent:.1f} % of the input of the last hour in which some came was rejected; {usual_percent:.1f} % are usual',
)
CALLS_ARRIVE_LATE = AlertText(
    'Calls arrive late',
    'the newest calls were {minutes:.0f} minutes old when they were stored; {usual_minutes:.0f} are usual',
)
