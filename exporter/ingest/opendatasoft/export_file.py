"""Imports a file with rows of ods-api-monitoring, which an operator exported."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from exporter.enrich.enrichment import Enrichment
from exporter.errors import InputError
from exporter.ingest.logs.log_file import DAMAGE, shown, unpacker_of
from exporter.ingest.opendatasoft.hours import HourStore, cut
from exporter.ingest.opendatasoft.pulled import COMPLETE, SOURCE, Pulled
from exporter.ingest.opendatasoft.rows import HOUR, ExportFile, Reader, kind_of, open_export
from exporter.model.reject import Reason
from exporter.store import hour_journal
from exporter.store.ledger import Ledger
from exporter.system.locks import pulling

AUTO = 'auto'
COMPRESSED = ('.csv', '.jsonl', '.json', '.parquet')  # before the ending of a compressed file that may be an export


@contextmanager
def opened_export(name: str, log_format: str, data_dir: Path) -> Iterator[ExportFile | None]:
    """Opens a file if it is an export, compressed or not, in one of these formats: `auto`, opendatasoft; else yields None.

    Raises InputError if the format is opendatasoft and the file is no export, or if it is damaged.
    """
    path = Path(name)
    if log_format not in (AUTO, SOURCE):
        yield None
        return
    with ExitStack() as copies:
        # a pipe can be read only once, and reading a log reports what is wrong with its path
        export = _open(path, log_format, data_dir, copies) if path.is_file() else None
        if export is None and log_format == SOURCE:
            raise InputError(
                f'{shown(name)}: not an export of ods-api-monitoring',
                'export it as Parquet, CSV or JSON lines, and import that file',
            )
        yield export


def _open(path: Path, log_format: str, data_dir: Path, copies: ExitStack) -> ExportFile | None:
    """Opens an export; None if the file is not one. A compressed one is unpacked into a directory that `copies` removes."""
    name = shown(str(path))
    try:
        with path.open('rb') as file:
            may_be_compressed = log_format == SOURCE or path.with_suffix('').suffix in COMPRESSED
            if may_be_compressed and (unpack := unpacker_of(file)):
                data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
                path = Path(copies.enter_context(TemporaryDirectory(prefix='pull', dir=data_dir))) / 'export'
                with unpack(file) as content, path.open('wb') as copy:
                    shutil.copyfileobj(content, copy, 1 << 20)
        kind = kind_of(path)
    except DAMAGE as error:
        if log_format == SOURCE:
            raise InputError(f'{name}: cannot be read ({error})', 'name an intact export that you may read') from error
        return None
    return open_export(path, kind, name) if kind else None


def import_export(
    name: str,
    export: ExportFile,
    enrichment: Enrichment,
    ledger: Ledger,
    data_dir: Path,
    now: datetime,
    pulled: Pulled,
    watch: Callable[[], None],
) -> None:
    """Stores the hours of a file that are not stored yet, whether from a file or from a workspace.

    The first and the last hour may be cut: their rows are left, as are those of an hour that has just ended.
    Raises InputError, EngineError, OSError; `pulled` is right however it ends.
    """
    summary, reader = pulled.summary, Reader()
    with pulling(data_dir, enrichment.domain):
        counted = reader.count(export)
        rows, invalid = counted.by_hour, counted.invalid
        summary.rejected += Counter({Reason.TIMESTAMP.value: invalid} if invalid else {})
        if not rows:
            return
        first, last = min(rows), max(rows)
        hour_journal.finish(ledger.database, data_dir, enrichment.domain)
        stored = ledger.hours(enrichment.domain, SOURCE, first, last + HOUR)
        known = {start for start in rows if start in stored and stored[start].is_stored}
        cut_hours = {first, last} | {start for start in rows if start + HOUR > (now - COMPLETE).timestamp()}
        summary.already_stored += sum(rows[start] for start in known)
        summary.left += sum(rows[start] for start in cut_hours - known)
        pulled.left |= cut_hours - known
        pulled.missing.update(export.missing)
        hours = HourStore(ledger, data_dir, enrichment.domain, shown(name), stored, pulled)
        for starts in counted.passes(sorted(rows.keys() - known - cut_hours)):
            slices = reader.read(export, starts)
            hours.put(cut(slices, enrichment, {start: rows[start] for start in starts}, pulled))
            watch()
        pulled.in_seconds = reader.in_seconds
