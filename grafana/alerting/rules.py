"""The rules of the alerts: beyond which limit each fires, after how long, and to which panel it leads."""

from typing import NamedTuple

from grafana.alerting import queries, texts


class Rule(NamedTuple):
    """One alert."""

    name: str
    text: texts.AlertText
    query: queries.Query
    comparison: str  # gt or lt
    limit: float
    pending: str  # for how long the value must be beyond the limit before the alert fires
    no_rows: str  # Grafana's noDataState
    panel: tuple[str, int]  # page, number


RULES = (
    Rule(
        name='activity-drops',
        text=texts.ACTIVITY_DROPS,
        query=queries.ACTIVITY_DROPS,
        comparison='lt',
        limit=50,
        pending='10m',
        no_rows='OK',
        panel=('users', 1),
    ),
    Rule(
        name='activity-peaks',
        text=texts.ACTIVITY_PEAKS,
        query=queries.ACTIVITY_PEAKS,
        comparison='gt',
        limit=200,
        pending='10m',
        no_rows='OK',
        panel=('users', 1),
    ),
    Rule(
        name='no-data',
        text=texts.NO_DATA,
        query=queries.NO_DATA,
        comparison='gt',
        limit=2,
        pending='0s',
        no_rows='NoData',
        panel=('health', 5),
    ),
    Rule(
        name='rejects-rise',
        text=texts.REJECTS_RISE,
        query=queries.REJECTS_RISE,
        comparison='gt',
        limit=1,
        pending='0s',
        no_rows='OK',
        panel=('health', 3),
    ),
    Rule(
        name='many-rejects',
        text=texts.MANY_REJECTS,
        query=queries.MANY_REJECTS,
        comparison='gt',
        limit=5,
        pending='0s',
        no_rows='OK',
        panel=('health', 3),
    ),
    Rule(
        name='downloads-peak',
        text=texts.DOWNLOADS_PEAK,
        query=queries.DOWNLOADS_PEAK,
        comparison='gt',
        limit=0,
        pending='0s',
        no_rows='OK',
        panel=('datasets', 6),
    ),
    Rule(
        name='calls-arrive-late',
        text=texts.CALLS_ARRIVE_LATE,
        query=queries.CALLS_ARRIVE_LATE,
        comparison='gt',
        limit=60,
        pending='0s',
        no_rows='OK',
        panel=('health', 4),
    ),
)
