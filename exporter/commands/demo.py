"""`demo`: stores the traffic of a made-up portal, so that you can see a report before you have a log."""

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from exporter.catalogue import storage
from exporter.catalogue.names import Names
from exporter.commands.context import Context, pass_context
from exporter.config import PortalRules
from exporter.enrich.enrichment import Enrichment
from exporter.ingest import pipeline
from exporter.ingest.demo import traffic
from exporter.ingest.formats import Lines
from exporter.ingest.pipeline import ParsedChunk
from exporter.model.batch import Log
from exporter.model.tally import Summary
from exporter.report import events, indicators
from exporter.report.period import period
from exporter.report.terminal import render_report
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.store.writer import Writer
from exporter.system.locks import nobody_storing, storing
from exporter.upkeep.forget import count, forget_domain, of_domain

EXAMPLES = """\b
Examples:
  usage-exporter demo
  usage-exporter report --domain demo.example.org --lang fr
  usage-exporter demo --remove
"""
NEXT = """
Your own log:  {program} import access.log --domain data.example.org
With Docker:   cp .env.example .env; docker compose up -d; then http://localhost:3000 shows this demo

With Grafana on this machine, without a ClickHouse server; then http://localhost:3000/d/usage-users-en shows this demo:
  {program} serve &
  sudo grafana cli plugins install grafana-clickhouse-datasource
  sudo {program} grafana export /etc/grafana/provisioning --from-serve http://127.0.0.1:8093
  sudo systemctl restart grafana-server
"""


@click.command(epilog=EXAMPLES)
@click.option('--remove', is_flag=True, help='Delete all calls, events and data sets of the demo.')
@pass_context
def demo(context: Context, remove: bool) -> None:
    """Store the traffic of a made-up portal and print its report.

    The portal is demo.example.org. The traffic is of 30 days; the last day is today. Running it again adds the days since then,
    and no day twice.
    """
    with context.opening() as opened:
        enrichment = context.enrichment(traffic.DOMAIN, PortalRules(timezone=traffic.TIMEZONE))
        database = opened()
        ledger = context.ledger(database, enrichment)
        if remove:
            calls = count(database, of_domain(traffic.DOMAIN))
            with nobody_storing(context.settings.data_dir):
                forget_domain(database, ledger, context.rejected, traffic.DOMAIN)
            click.echo(f'deleted {calls:,} calls of {traffic.DOMAIN}')
            return
        today = datetime.now(ZoneInfo(traffic.TIMEZONE)).date()
        with storing(context.settings.data_dir):
            summary = store(database, ledger, enrichment, context.rejected, today)
        click.echo(f'{traffic.DOMAIN}: stored {summary.stored:,} calls; {summary.already_stored:,} were stored already\n')
        last_days = period(None, None, traffic.TIMEZONE, datetime.now(UTC))
        report = indicators.fetch(database, traffic.DOMAIN, traffic.TIMEZONE, last_days)
        period_events = events.of_period(database, traffic.DOMAIN, last_days)
        context.out.print(render_report(report, 'en', crawlers=False, events=period_events))
    program = 'usage-exporter' if shutil.which('usage-exporter') else sys.argv[0]  # make demo runs it by its path
    context.out.print(NEXT.format(program=program), markup=False, soft_wrap=True)


def store(database: ClickHouse, ledger: Ledger, enrichment: Enrichment, rejected: RejectStore, today: date) -> Summary:
    """Stores the days that are not stored yet, one batch for each day, the events and the catalogue. Raises EngineError."""
    summary = Summary()
    stored_ids = {event.id for event in events.read(database, traffic.DOMAIN)}
    for event in traffic.events(today):
        event_id = f'demo-{event.start.date()}'
        if event_id not in stored_ids:
            events.add(database, events.Event(traffic.DOMAIN, **event._asdict(), id=event_id))
    with Writer(ledger, summary.count) as writer:
        read = pipeline.read_parts(_missing_days(ledger, today, summary), enrichment)
        pipeline.put_batches(pipeline.complete_parts(read, enrichment), rejected, writer.put)
        writer.wait()
    _store_catalogue(database, today)
    return summary


def _store_catalogue(database: ClickHouse, today: date) -> None:
    names = Names('demo')
    for dataset in traffic.catalogue_of(today):
        names.add(dataset)
    storage.replace(database, traffic.DOMAIN, names.source, names.resolve(), len(names.datasets))


def _missing_days(ledger: Ledger, today: date, summary: Summary) -> Iterator[ParsedChunk]:
    logs = ledger.logs(traffic.DOMAIN)
    newest = {log.head: log for log in sorted(logs, key=lambda log: log.attempt)}
    for days_ago in reversed(range(traffic.DAYS)):
        day = today - timedelta(days=days_ago)
        name = day.isoformat()
        entry = next(iter(ledger.entries(traffic.DOMAIN, newest[name].name)), None) if name in newest else None
        if entry and entry.tally:
            summary.count_before(entry.tally)
            continue
        batch = entry.batch if entry else Log.new(name, 0, logs).batch(traffic.DOMAIN, 'demo', 0, 1)
        calls = traffic.day_of_calls(day).with_row_index('line')
        yield ParsedChunk(Lines(calls), batch)
