"""Pulls the calls of an Opendatasoft workspace: the hours that the ledger lacks, and those that changed there since."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from exporter.config import Pull, Settings
from exporter.enrich.enrichment import Enrichment
from exporter.errors import InputError, SettingsError
from exporter.ingest.opendatasoft.client import Workspace
from exporter.ingest.opendatasoft.hours import HourStore, cut
from exporter.ingest.opendatasoft.pulled import COMPLETE, SOURCE, Pulled, api_key, moment
from exporter.ingest.opendatasoft.rows import HOUR, ExportFile, Reader, open_export
from exporter.ingest.prefetch import Prefetch
from exporter.store import hour_journal
from exporter.store.ledger import Ledger, StoredHour
from exporter.store.rollups import calls_from
from exporter.system.locks import pulling

DAYS = 90  # that are pulled without `since`: more than that is kept by few workspaces
DAY = 24 * HOUR  # seconds
STORING = timedelta(minutes=2)  # in which a group of hours is stored

Watch = Callable[[date, int, int], None]  # takes the day that was stored, its number from 1, and the number of days


def pull(
    settings: Settings,
    entry: Pull,
    enrichment: Enrichment,
    ledger: Ledger,
    now: datetime,
    pulled: Pulled,
    until: date | None = None,
    warn: Callable[[str], None] = lambda _line: None,
    watch: Watch = lambda _day, _number, _days: None,
) -> None:
    """Stores every complete hour of the days from the entry's `since` to `until` (in the portal's time zone); adds to `pulled`.

    Without `until`, it ends with the last complete hour. `warn` takes a line before a long pause. Raises InputError,
    SettingsError, EngineError, OSError; hours that are stored stay stored.
    """
    first, last = _bounds(entry.since, until, ZoneInfo(enrichment.timezone), now)
    data_dir = settings.data_dir
    with pulling(data_dir, enrichment.domain), Workspace(entry.url, api_key(settings, entry), warn) as workspace:
        _refuse_other_workspace(ledger, enrichment.domain, workspace.url)
        workspace.check(now)
        hour_journal.finish(ledger.database, data_dir, enrichment.domain)
        stored = ledger.hours(enrichment.domain, SOURCE, first, last)
        _refuse_other_host(enrichment.domain, stored, now)
        kept_from = _start_of(calls_from(ledger.database) + timedelta(2), ZoneInfo('UTC'))  # in any time zone
        fixed = {start for start in stored if start < kept_from}  # their calls may be removed: they cannot be replaced
        with TemporaryDirectory(prefix='pull', dir=data_dir) as directory:
            puller = _Puller(workspace, enrichment, Path(directory), pulled)
            recheck_from = max(first, int(now.timestamp()) // HOUR * HOUR - entry.recheck_days * DAY)
            checked = [start for start, hour in stored.items() if hour.is_stored and start >= recheck_from and start not in fixed]
            if checked:
                counts = puller.counts(min(checked), max(checked) + HOUR)
                pulled.changed |= {
                    start: (stored[start].tally.lines, counts[start])
                    for start in sorted(checked)
                    if counts[start] != stored[start].tally.lines
                }
            wanted = [
                start
                for start in range(first, last, HOUR)
                if start in pulled.changed or (start not in fixed and not (start in stored and stored[start].is_stored))
            ]
            puller.store(HourStore(ledger, data_dir, enrichment.domain, workspace.url, stored, pulled), wanted, watch)


class _Puller:
    """Downloads days, one ahead, and stores them."""

    def __init__(self, workspace: Workspace, enrichment: Enrichment, directory: Path, pulled: Pulled) -> None:
        self.workspace, self.enrichment, self.directory, self.pulled = workspace, enrichment, directory, pulled
        self.reader = Reader()

    def counts(self, first: int, last: int) -> Counter[int]:
        """The rows by hour: as the workspace counts them, or else counted in its exports."""
        counts = self.workspace.counts(moment(first), moment(last))
        if counts is not None:
            return Counter(counts)
        counted = Counter[int]()
        for start in range(first, last, DAY):
            export = self._download(start, min(start + DAY, last))
            counted += self.reader.count(export).by_hour
            export.path.unlink()
        return counted

    def store(self, hours: HourStore, wanted: Sequence[int], watch: Watch) -> None:
        """Stores the wanted hours, day by day (UTC)."""
        days = dict[int, list[int]]()
        for start in wanted:
            days.setdefault(start // DAY, []).append(start)
        downloads = ((starts, self._download(starts[0], starts[-1] + HOUR)) for starts in days.values())
        with Prefetch(downloads) as prefetched:
            for number, (starts, export) in enumerate(prefetched, 1):
                counted = self.reader.count(export)
                rows = counted.by_hour
                self.pulled.summary.already_stored += sum(rows[start] for start in rows.keys() - set(starts))
                for group in counted.passes(starts):
                    slices = self.reader.read(export, group)
                    hours.put(cut(slices, self.enrichment, {start: rows[start] for start in group}, self.pulled))
                export.path.unlink()
                self.pulled.missing.update(export.missing if export.names else ())
                self.pulled.in_seconds = self.reader.in_seconds
                watch(moment(starts[0]).date(), number, len(days))

    def _download(self, first: int, last: int) -> ExportFile:
        file = self.directory / f'{first}-{last}'
        kind = self.workspace.export(moment(first), moment(last), file)
        return open_export(file, kind, f'{self.workspace.url}: the export of {moment(first):%Y-%m-%d}')


def _bounds(since: date | None, until: date | None, zone: ZoneInfo, now: datetime) -> tuple[int, int]:
    """The first hour, and the end of the last one, in Unix seconds. Raises SettingsError for days in the future."""
    today = now.astimezone(zone).date()
    for name, day in (('--since', since), ('--until', until)):
        if day and day > today:
            raise SettingsError(f'{name} {day} is in the future', f'name a day up to {today}')
    if since and until and since > until:
        raise SettingsError(f'--until {until} is before --since {since}', 'name a later day')
    complete = int((now - COMPLETE).timestamp()) // HOUR * HOUR
    first = _start_of(since or today - timedelta(DAYS), zone) // HOUR * HOUR
    last = min(complete, -(-_start_of(until + timedelta(1), zone) // HOUR) * HOUR if until else complete)
    return first, max(first, last)


def _start_of(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp())


def _refuse_other_workspace(ledger: Ledger, domain: str, url: str) -> None:
    """Raises InputError if the calls of the portal were pulled from another workspace: its hours are not those of this one."""
    for origin in sorted(ledger.origins(domain, SOURCE)):
        if '://' in origin and origin != url:
            raise InputError(
                f'{domain}: its calls were pulled from {origin}',
                'choose another --domain for this workspace, or forget the calls with forget --domain',
            )


def _refuse_other_host(domain: str, stored: Mapping[int, StoredHour], now: datetime) -> None:
    """Raises InputError if hours were just begun: this host has finished its own, so another one is storing them."""
    if any(hour.begun and now - hour.begun < STORING for hour in stored.values()):
        raise InputError(
            f'{domain}: another host is pulling this portal',
            'pull it from one host only; if that host was stopped, run the command again in two minutes',
        )
