"""`serve`: accepts calls over HTTP, follows logs, stores both and exposes metrics, until it is stopped."""

import logging
import os
import resource
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

import click
from flask import Flask
from waitress import wasyncore
from waitress.server import create_server

from exporter.archive.due import archive_due
from exporter.commands.context import Context, pass_context
from exporter.config import Pull
from exporter.enrich.enrichment import check_rules
from exporter.enrich.hosts import Hosts
from exporter.errors import ExporterError, SettingsError, loggable
from exporter.ingest.collector.group_commit import GroupCommit
from exporter.ingest.logs.entries import duplicate_logs, portal_of
from exporter.ingest.logs.follow import Follower
from exporter.server import database_socket, jobs
from exporter.server.app import LIMITS, create_app
from exporter.server.metrics import Catalogues, Indicators, Metrics, State
from exporter.server.tokens import Tokens
from exporter.spool.drain import Drain
from exporter.spool.idempotency import IdempotencyKeys
from exporter.spool.spool import Spool
from exporter.store import hour_journal
from exporter.store.connections import Connections
from exporter.store.ledger import Ledger
from exporter.store.reader import ADMITTED, Reader
from exporter.store.unix_socket import SOCKET
from exporter.store.url import address
from exporter.upkeep import retention

THREADS = 16 + ADMITTED  # threads that answer requests: statements in SQL leave 16 to the others
OPEN_FILES = 16_384
PORTALS = 200  # portals with their enrichment in memory
LAST = 8.0  # seconds to store accepted calls after the signal to stop; the rest is stored after the next start
EXAMPLES = """\b
Examples:
  usage-exporter serve
  USAGE_LISTEN=0.0.0.0:8093 usage-exporter serve
  USAGE_FOLLOW='[{"path": "/var/log/nginx/access.log", "domain": "data.example.org"}]' usage-exporter serve
"""

log = logging.getLogger('usage-exporter')


@click.command(epilog=EXAMPLES)
@pass_context
def serve(context: Context) -> None:
    """Accept calls over HTTP, follow logs, and store both.

    It runs until SIGTERM or Ctrl-C. Calls that it has answered with 202 or read from a log are on the disk; each is stored once,
    also after a crash.
    """
    logging.basicConfig(format='%(asctime)s %(levelname)s %(message)s', level=logging.INFO)
    logging.getLogger('waitress').setLevel(logging.WARNING)  # it logs each client that leaves before its answer
    logging.getLogger('waitress.queue').setLevel(logging.ERROR)  # it logs each request that waits for a thread
    logging.getLogger('apscheduler').setLevel(logging.CRITICAL)  # jobs.py logs failures, in one line each
    _raise_limit_of_open_files()
    context.maps_files = False
    settings, directory = context.settings, context.settings.data_dir
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    tokens, rejected = Tokens(directory), context.rejected
    listen = _listen(settings.listen, tokens.needed)
    if clash := next(duplicate_logs(settings.follow), None):
        raise clash
    for domain in ('', *settings.domains):  # report an invalid rule now, not to the sender of a call
        check_rules(settings.portal(domain))
    made_with = context.visitor_key.id, context.places.date
    with ExitStack() as parts:
        spool = Spool(directory / 'spool', settings.spool_bytes, *made_with)
        parts.callback(spool.close)
        if calls := spool.release():
            log.info('tries again to store %d calls in quarantine', calls)
        keys = IdempotencyKeys(directory / 'keys.sqlite', spool.keys())
        parts.callback(keys.close)
        database = parts.enter_context(Connections(settings.database_url))
        _open_database(database, settings.database_url, directory)
        drain = Drain(spool, keys, rejected, database, directory)
        parts.callback(_start_drain(drain))
        intake = parts.enter_context(GroupCommit(spool, keys, lru_cache(PORTALS)(context.enrichment)))
        hosts = Hosts(settings.hosts_of_portals)
        follower = Follower(
            settings.follow,
            context.enrichment,
            lambda: Ledger(database(), *made_with),
            spool,
            rejected,
            log.warning,
            hosts,
            settings.memory,
        )
        parts.callback(follower.close)
        indicators, catalogues = Indicators(), Catalogues(settings.catalogued_portals)
        pulled = dict[str, bool]()

        def remove_old() -> None:
            rejected.remove_old()
            retention.remove_old(settings, database(), datetime.now(UTC).date())

        def pull_all() -> None:
            for entry in settings.pull:
                pulled[entry.portal] = _pull(context, entry, database)

        def refresh() -> None:
            hour_journal.finish_all(database(), directory, log.warning)  # of a command that was killed
            indicators.refresh(database())
            catalogues.refresh(database())

        def update_catalogues() -> None:
            from exporter.catalogue.update import update_due  # here: only a catalogue needs its parsers

            update_due(settings, database(), log.info, log.warning)

        def archive_month() -> None:
            archive_due(settings, database(), log.info, log.warning)

        scheduler = jobs.create_scheduler(
            follower.poll,
            refresh,
            remove_old,
            pull_all if settings.pull else None,
            update_catalogues if settings.catalogued_portals else None,
            archive_month if settings.archive_day else None,
        )
        scheduler.start()
        ending = threading.Thread(target=scheduler.shutdown, daemon=True)
        parts.callback(ending.join, LAST)
        parts.callback(ending.start)
        reader = parts.enter_context(Reader(database))
        app = create_app(
            intake=intake,
            tokens=tokens,
            database=database,
            reader=reader,
            rules=settings.portal,
            hosts=hosts,
            default_domain=settings.domain or '',
            metrics=Metrics(State(spool, drain, lambda: follower.lag, lambda: follower.readable, pulled), indicators, catalogues),
            ready=lambda: {
                'database': ['the last attempt to store calls failed'] if drain.error else [],
                'spool': [] if spool.has_room() else ['the spool or the disk is full'],
                'quarantine': ['the database refused calls'] if spool.balance.quarantined else [],
                'follow': follower.faults,
            },
        )
        for entry in settings.pull:
            log.info('pulls %s for %s', entry.url, entry.portal)
        for followed in settings.follow:
            log.info('follows %s for %s', followed.path, portal_of(followed))
        _answer_requests(app, listen, address(settings.database_url).embedded, reader.stop)
    log.info('stopped')
    if ending.is_alive():
        os._exit(0)  # a job waits for a server that does not answer; Python would wait for the job


def _raise_limit_of_open_files() -> None:
    """Raises the soft limit, which often is 1,024: each connection and each part of the embedded database is an open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _pull(context: Context, entry: Pull, database: Connections) -> bool:
    """Pulls a workspace, and logs what it stored. An error is logged in a line; the next pull tries again.

    Returns whether it succeeded.
    """
    from exporter.ingest.opendatasoft.pull import pull  # here: only a workspace needs a client of HTTP
    from exporter.ingest.opendatasoft.pulled import Pulled

    pulled = Pulled()
    try:
        enrichment = context.enrichment(entry.portal)
        ledger = Ledger(database(), enrichment.key_id, enrichment.geo_date)
        pull(context.settings, entry, enrichment, ledger, datetime.now(UTC), pulled, warn=log.warning)
        succeeded = True
    except (ExporterError, OSError) as error:
        log.warning('%s: cannot pull, tries again in an hour: %s', entry.portal, loggable(error))
        succeeded = False
    if pulled.summary.stored:
        log.info('%s: pulled %d calls of %s', entry.portal, pulled.summary.stored, entry.url)
        for note in pulled.notes:
            log.info('%s: %s', entry.portal, note)
    return succeeded


def _listen(listen: str, tokens_needed: bool) -> str:
    """The address to listen on: without tokens, this machine only."""
    host, _, port = listen.rpartition(':')
    if tokens_needed:
        return listen
    log.warning('there are no tokens, so only this machine may call; usage-exporter tokens add makes one')
    try:
        loopback = host == 'localhost' or ip_address(host.strip('[]')).is_loopback
    except ValueError:
        loopback = False
    return listen if loopback else f'127.0.0.1:{port}'


def _open_database(database: Connections, url: str, data_dir: Path) -> None:
    """Opens an embedded database, to report a wrong set-up at once, and finishes what a killed pull left.

    A server may be unreachable: accepted calls wait for it.
    """
    where = address(url)
    if where.embedded:
        hour_journal.finish_all(database(), data_dir, log.warning)
    log.info('writes to %s', where.shown)


def _start_drain(drain: Drain) -> Callable[[], None]:
    """Starts the thread that stores accepted calls; returns the function that stops it."""
    stop = threading.Event()
    thread = threading.Thread(target=drain.run, args=(stop,), name='drain', daemon=True)
    thread.start()

    def stop_drain() -> None:
        stop.set()
        deadline = time.monotonic() + LAST
        thread.join(LAST)
        try:
            if not thread.is_alive():
                drain.empty(lambda: time.monotonic() > deadline)
        except (ExporterError, OSError, sqlite3.Error) as error:
            log.warning('%s', error)
        if waiting := drain.spool.balance.waiting:
            log.info('%d accepted calls wait on the disk for the next start', waiting)

    return stop_drain


def _answer_requests(app: Flask, listen: str, database: Path | None, stop_statements: Callable[[], None]) -> None:
    """Answers requests until SIGTERM or SIGINT, then ends statements in SQL, and finishes other requests, within five seconds.

    `database` is the directory of the embedded database, which commands may use meanwhile; None for a server.
    """
    host, _, port = listen.rpartition(':')
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    try:
        listening = socket.create_server((host.strip('[]'), int(port)), family=family, backlog=1_024)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise SettingsError(f'{listen}: cannot listen here ({reason})', 'choose another USAGE_LISTEN') from error
    connections: dict[int, object] = {}
    servers = [create_server(app, map=connections, sockets=[listening], threads=THREADS, **LIMITS)]
    if database:
        commands = database_socket.listen(database / SOCKET)
        servers.append(
            create_server(
                database_socket.DatabaseSocket(database),
                map=connections,
                sockets=[commands],
                threads=database_socket.THREADS,
                **database_socket.LIMITS,
            )
        )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info('listens on http://%s:%d', host, listening.getsockname()[1])
    try:
        while not stop.is_set():
            wasyncore.loop(timeout=0.5, use_poll=True, map=connections, count=1)
        log.info('stopping')
        with suppress(ExporterError):  # a server that does not answer has none to end
            stop_statements()
        for server in servers:
            server.task_dispatcher.shutdown()
        wasyncore.loop(timeout=0.1, use_poll=True, map=connections, count=10)  # sends the last answers
    finally:
        for server in servers:
            server.close()
        if database:
            (database / SOCKET).unlink()
