"""`import`: stores the calls of log files, and prints a summary that accounts for every line."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from exporter.commands.context import RESULT, Context, format_option, pass_context
from exporter.commands.interrupts import Interrupts
from exporter.enrich.hosts import Hosts
from exporter.errors import ErrorGroup, ExporterError, InputError
from exporter.ingest.logs.log_file import LogFile
from exporter.model.tally import Summary
from exporter.report.indicators import portals
from exporter.system.locks import storing
from exporter.system.memory import peak_memory
from exporter.system.startup import release_code

MEANING = {
    'read': 'lines',
    'stored': 'calls that this import stored',
    'already_stored': 'calls that an earlier import stored',
    'skipped': 'no API calls, by reason',
    'left': 'still being written, or of an hour that may be incomplete',
    'rejected': 'unreadable, by reason: see usage-exporter rejected list',
}
PROGRESS_INTERVAL = 10  # seconds between two lines of progress, if standard error is no terminal
EXAMPLES = """\b
Examples:
  usage-exporter import access.log --domain data.example.org
  usage-exporter import /var/log/nginx/access.log* --domain data.example.org
  ssh portal cat access.log | usage-exporter import - --domain data.example.org
"""


@click.command('import', epilog=EXAMPLES)
@click.argument('files', metavar='FILE...', nargs=-1, required=True)
@click.option('--domain', metavar='D', help='The portal that wrote the log.  [default: the setting domain]')
@click.option(
    '--log-format', metavar='F', help='The format of the lines: auto, a preset or a notation.  [default: the setting log_format]'
)
@click.option('--complete', is_flag=True, help='Take a last line that is incomplete; by default it is left for the next import.')
@format_option('summary', RESULT)
@pass_context
def import_logs(
    context: Context, files: tuple[str, ...], domain: str | None, log_format: str | None, complete: bool, form: str
) -> None:
    """Store every call of access logs once.

    Importing a log again stores only what is new.
    FILE is an access log, plain or compressed (.gz, .bz2, .xz, .zst); - is standard input.
    """
    hosts = Hosts(context.settings.hosts_of_portals if domain is None else {})
    portal = '' if hosts.portals else context.portal(domain)
    if files.count('-') > 1:
        raise InputError('standard input can be read only once', 'give - once')
    # lines of no portal are counted last, under the domain ''
    summaries = {name: Summary() for name in ([portal] if portal else [*hosts.portals, ''])}
    errors, days = list[ExporterError](), dict[str, str]()
    formats = dict[str, str]()  # of each log of which something was read
    empty = dict[str, None]()  # names of the logs without a byte
    unused = dict[str, None]()  # variables of the formats, in their order
    with Interrupts() as interrupts:
        try:
            directory = context.settings.data_dir
            with context.opening() as opened, _progress(context, interrupts) as progress_of:
                # here, because they take 0.1 s to load; meanwhile, the database opens
                from exporter.ingest.formats.reader import reader_of
                from exporter.ingest.logs.batches import AccessLog
                from exporter.ingest.logs.division import Division
                from exporter.ingest.logs.history import WithSpool, spooled
                from exporter.ingest.logs.import_log import import_log
                from exporter.ingest.opendatasoft.export_file import import_export, opened_export
                from exporter.ingest.opendatasoft.pulled import SOURCE, Pulled

                def note_error(error: InputError) -> None:
                    if str(error) not in map(str, errors):
                        errors.append(error)

                rejected, rules = context.rejected, context.settings.portal(portal)
                enrichments = {name: context.enrichment(name) for name in summaries}
                ledgers = {name: context.ledger(opened(), enrichment) for name, enrichment in enrichments.items()}
                release_code('_chdb')
                for name in files:
                    try:
                        with opened_export(name, log_format or rules.log_format, directory) as export, interrupts.hold():
                            if export:
                                if hosts.portals:
                                    raise InputError(f'{name}: the rows are of one portal', 'name it with --domain')
                                pulled, now = Pulled(summaries[portal]), datetime.now(UTC)
                                import_export(
                                    name, export, enrichments[portal], ledgers[portal], directory, now, pulled, interrupts.check
                                )
                                formats[name] = SOURCE
                                for note in pulled.notes:
                                    context.note(f'{name}: {note}')
                                continue
                        with storing(directory), closing(LogFile(name)) as file, interrupts.hold():
                            if file.is_empty():
                                empty[file.name] = None
                            waiting = spooled(directory / 'spool')
                            history = WithSpool(waiting, ledgers[portal])
                            for share in Division(portal, hosts).shares(file, history, rejected):
                                log = AccessLog(file, complete, context.settings.memory, share)
                                to = share.domain or portal
                                reader, summary = reader_of(rules, log_format), summaries[to]
                                watch = progress_of(file, summary)
                                try:
                                    import_log(log, reader, enrichments[to], ledgers[to], rejected, summary, watch, waiting)
                                except InputError as error:  # the lines of other portals can still be imported
                                    note_error(error)
                                    continue
                                unused |= dict.fromkeys(reader.format.notes if reader.format else ())
                                if reader.name:
                                    formats[name] = reader.shown_name
                    except InputError as error:  # the other logs can still be imported
                        note_error(error)
                for name, enrichment in enrichments.items():
                    if warning := enrichment.caller_sample.warning():
                        context.warn(f'{name}: {warning}')
                    if warning := enrichment.field_sample.warning(least=1):
                        context.warn(f'{name}: {warning}')
                if unused:
                    context.warn(f"the format's variables {', '.join(unused)} are not used")
                if form == 'table':
                    days = {row.domain: f'--from {row.first_day} --to {row.last_day}' for row in portals(opened())}
            interrupts.over()
        except KeyboardInterrupt:
            errors.append(InputError('interrupted', 'stored calls stay stored: run the command again to finish the import'))
        except (ExporterError, OSError):
            if any(summary.read for summary in summaries.values()):  # also accounts for what was stored before the error
                show_summaries(context, summaries, form)
            raise
        if form == 'json' or _total(summaries).read or not (errors or empty):  # no table of zeros
            show_summaries(context, summaries, form)
    if form == 'table':
        for name in empty:
            context.out.print(f'{name}: empty, no lines to store', soft_wrap=True, markup=False)
        for name, log_format_name in formats.items():
            context.out.print(f'{name}: read as {log_format_name}', soft_wrap=True, markup=False)
    for portal, summary in summaries.items():
        if summary.stored and form == 'table':
            context.out.print(f'\nNext: usage-exporter report --domain {portal} {days.get(portal, "")}', soft_wrap=True)
    total = _total(summaries)
    if total.read and total.rejected.total() == total.read:
        remedy = 'see usage-exporter rejected list, and choose --log-format'
        errors.append(InputError(f'all {total.read:,} lines are rejected', remedy))
    if errors:
        raise ErrorGroup('import', errors)


@contextmanager
def _progress(context: Context, interrupts: Interrupts) -> Iterator[Callable[[LogFile, Summary], Callable[[], None]]]:
    """Yields a function that returns the callback for a file: it shows progress, and raises KeyboardInterrupt after Ctrl-C."""
    columns = TextColumn('{task.description}'), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=context.notes, transient=True, disable=not context.notes.is_terminal) as progress:
        last_line = time.monotonic()

        def progress_of(file: LogFile, summary: Summary) -> Callable[[], None]:
            task = progress.add_task(file.name, total=file.size)

            def show_progress() -> None:
                nonlocal last_line
                progress.update(task, completed=file.position)
                if not context.notes.is_terminal and time.monotonic() - last_line > PROGRESS_INTERVAL:
                    last_line = time.monotonic()
                    click.echo(f'{file.name}: {100 * file.position // file.size} %, {summary.stored:,} calls stored', err=True)
                interrupts.check()

            return show_progress

        yield progress_of


def _total(summaries: Mapping[str, Summary]) -> Summary:
    """The sum of the summaries of all portals."""
    total = Summary()
    for summary in summaries.values():
        total.add(summary)
    return total


def show_summaries(context: Context, summaries: Mapping[str, Summary], form: str, meaning: Mapping[str, str] = MEANING) -> None:
    """Prints the summary of an import or a pull; of a log of several portals, also that of each portal.

    `meaning` explains the numbers that a table has.
    """
    result = _total(summaries).as_dict()
    several = len(summaries) > 1
    if form == 'json':
        portals_result = {name: summary.as_dict() for name, summary in summaries.items() if name}
        of_portals = {'portals': portals_result} if several else {}
        context.json(result | of_portals | {'peak_memory_bytes': peak_memory()})
        return
    for name, summary in summaries.items():
        if several:
            context.out.print(f'{name or "no portal"}:', style='bold')
            _print_summary(context, summary, meaning)
    if several:
        context.out.print('total:', style='bold')
    _print_summary(context, _total(summaries), meaning, peak_memory())


def _print_summary(context: Context, summary: Summary, meanings: Mapping[str, str], peak: int = 0) -> None:
    result = summary.as_dict()
    table = Table.grid(padding=(0, 2))
    table.add_column(justify='left')
    table.add_column(justify='right')
    for name, meaning in meanings.items():
        lines = summary.rejected.total() if name == 'rejected' else result[name]
        table.add_row(name.replace('_', ' '), f'{lines:,}', meaning, style='' if lines else 'dim')
        for reason, count in sorted({'skipped': summary.skipped, 'rejected': summary.rejected}.get(name, {}).items()):
            table.add_row('', f'{count:,}', f'  {reason}')
    if peak:
        table.add_row('memory', f'{peak / 1e6:,.0f} MB', 'at most, of this process')
    context.out.print(table)
