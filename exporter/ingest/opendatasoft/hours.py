"""Cuts rows of a workspace into batches of one hour, and stores those hours that the ledger lacks."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from exporter.enrich.enrichment import Enrichment
from exporter.errors import InputError
from exporter.ingest import pipeline
from exporter.ingest.formats import Lines
from exporter.ingest.opendatasoft.pulled import SOURCE, Pulled
from exporter.ingest.opendatasoft.rows import HOUR, hours_of
from exporter.ingest.opendatasoft.steps import STEPS
from exporter.ingest.pipeline import ENRICHED
from exporter.model.batch import Batch
from exporter.model.call import Client, categorical, is_category
from exporter.model.tally import Tally
from exporter.store import hours as store
from exporter.store.ledger import Ledger, StoredHour

GROUP = 100_000  # calls that are stored together, of whole hours
NOTHING = pl.DataFrame(
    schema={column.name: categorical(column.name) if column.categorical else column.type for column in ENRICHED}
)


@dataclass
class HourRows:
    """The calls of one hour, in the slices in which they were read; the tally and the number of all rows."""

    slices: list[pl.DataFrame] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    rows: int = 0

    @property
    def calls(self) -> pl.DataFrame:
        """The calls of all slices."""
        return pl.concat(self.slices) if self.slices else NOTHING


def cut(
    slices: Iterable[pl.DataFrame], enrichment: Enrichment, wanted: Mapping[int, int], pulled: Pulled
) -> Iterator[tuple[int, HourRows]]:
    """Enriches the rows of the wanted hours, and yields each hour as soon as all of its rows are read.

    `wanted` has the number of rows of each hour. Notes in `pulled` what the rows lack. Raises the errors of `slices`.
    """
    hours = {start: HourRows() for start in wanted}
    for start in sorted(wanted):
        if not wanted[start]:
            yield start, hours.pop(start)
    for rows in slices:
        pulled.unknown.update(rows.filter(~pl.col('known'))['path'].unique().to_list())
        starts = hours_of(rows['timestamp'])
        lines = pipeline.enrich(Lines(rows), enrichment, STEPS)
        for start, reason, count in _skipped(lines, starts).iter_rows():
            skipped = hours[start].tally.skipped
            skipped[reason] = skipped.get(reason, 0) + count
        for start, count in (
            hours_of(lines.calls['timestamp']).filter(_are_underestimated(lines.calls)).value_counts().iter_rows()
        ):
            hours[start].tally.hidden_addresses += count
            pulled.hidden_addresses += count
        calls = pipeline.complete_calls(lines, enrichment).calls
        parts = calls.with_columns(hours_of(calls['timestamp']).alias('start')).partition_by('start', as_dict=True)
        for (start,), of_hour in parts.items():
            hours[start].slices.append(of_hour.drop('start'))
            hours[start].tally.stored += len(of_hour)
        for start, count in starts.value_counts().sort('hour').iter_rows():
            hours[start].rows += count
            if hours[start].rows == wanted[start]:
                yield start, hours.pop(start)


def _are_underestimated(calls: pl.DataFrame) -> pl.Series:
    """Whether each call is of an anonymous user who is told apart without a whole address."""
    return calls['hidden'] & is_category(calls['user_id'], '') & ~is_category(calls['client'], Client.CRAWLER.value)


class HourStore:
    """Stores hours of a portal, whose pulling lock the caller holds. Not thread-safe.

    `stored` holds what the ledger knows of the hours, by their start; `origin` is where the rows come from.
    """

    def __init__(
        self, ledger: Ledger, data_dir: Path, domain: str, origin: str, stored: Mapping[int, StoredHour], pulled: Pulled
    ) -> None:
        self.ledger, self.data_dir, self.domain, self.origin = ledger, data_dir, domain, origin
        self.stored, self.pulled = stored, pulled

    def put(self, hours: Iterable[tuple[int, HourRows]]) -> None:
        """Stores hours. Of an hour that is stored, it adds the late rows; it replaces the hour if stored rows are missing now.

        Raises EngineError, InputError, OSError, the errors of `hours`.
        """
        group, calls = dict[int, HourRows](), 0
        for start, hour in hours:
            group[start] = hour
            calls += hour.tally.stored
            if calls >= GROUP:
                self._put(group)
                group, calls = {}, 0
        if group:
            self._put(group)

    def _put(self, hours: Mapping[int, HourRows]) -> None:
        known = {start: self.stored[start] for start in hours if start in self.stored}
        self._refuse_changed(hours)
        batches = {start: [self._batch(start, revision) for revision in hour.revisions] for start, hour in known.items()}
        added = store.added_calls(
            self.ledger.database,
            {start: (batches[start], hours[start].calls) for start, hour in known.items() if hour.is_stored},
        )
        new, replaced = list[store.Hour](), list[Batch]()
        for start, hour in hours.items():
            batch = self._batch(start, known[start].next_revision if start in known else 0)
            more = hour.tally.minus(known[start].tally) if start in added else None
            if more and more.stored == len(added[start]):
                new.append((batch, added[start], more))
                self.pulled.summary.already_stored += hour.rows - more.lines
            else:
                new.append((batch, hour.calls, hour.tally))
                replaced += batches.get(start, ())
                self.pulled.replaced.add(start)
        store.store_hours(self.ledger, self.data_dir, new, replaced)
        for _, _, tally in new:
            self.pulled.summary.count(tally)

    def _refuse_changed(self, hours: Collection[int]) -> None:
        """Raises InputError if another host stored one of the hours meanwhile: the lock of a pull is one of this host."""
        current = self.ledger.hours(self.domain, SOURCE, min(hours), max(hours) + HOUR)
        if any(current.get(start) != self.stored.get(start) for start in hours):
            raise InputError(f'{self.domain}: another host pulls this portal too', 'pull it from one host only')

    def _batch(self, start: int, revision: int) -> Batch:
        return Batch(self.domain, SOURCE, SOURCE, start, start + HOUR, self.origin, format=SOURCE, revision=revision)


def _skipped(lines: Lines, starts: pl.Series) -> pl.DataFrame:
    """How many rows of each hour were skipped, by reason."""
    skipped = lines.skipped
    return skipped.select(start=starts[skipped['line']], reason='reason').group_by('start', 'reason').len()
