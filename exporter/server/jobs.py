"""Schedules the periodic jobs of `serve`."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from exporter.errors import loggable

FOLLOW = 2  # seconds between two polls of the followed logs
PULL = 3_600  # seconds between two pulls of the workspaces
CATALOGUE = 3_600  # seconds between two looks whether a catalogue is due
ARCHIVE = 3_600  # seconds between two looks whether the archive of a month is due
INDICATORS = 60  # seconds between two reads of the indicators for Prometheus

log = logging.getLogger(__name__)


def create_scheduler(
    follow: Callable[[], None],
    indicators: Callable[[], None],
    nightly: Callable[[], None],
    pull: Callable[[], None] | None = None,
    catalogue: Callable[[], None] | None = None,
    archive: Callable[[], None] | None = None,
) -> BackgroundScheduler:
    """Returns the scheduler, not yet started; it calls each job from its own threads, never twice at a time.

    A job that raises is logged in one line and runs again when it is due.
    """
    scheduler = BackgroundScheduler(
        executors={'default': ThreadPoolExecutor(4)},
        job_defaults={'coalesce': True, 'max_instances': 1, 'misfire_grace_time': None},
        timezone='UTC',
    )
    scheduler.add_job(follow, 'interval', seconds=FOLLOW, id='follow', next_run_time=datetime.now(UTC))
    scheduler.add_job(indicators, 'interval', seconds=INDICATORS, id='indicators', next_run_time=datetime.now(UTC))
    scheduler.add_job(nightly, 'cron', hour=2, minute=17, id='nightly')
    if pull:
        scheduler.add_job(pull, 'interval', seconds=PULL, id='pull', next_run_time=datetime.now(UTC))
    if catalogue:
        scheduler.add_job(catalogue, 'interval', seconds=CATALOGUE, id='catalogue', next_run_time=datetime.now(UTC))
    if archive:
        scheduler.add_job(archive, 'interval', seconds=ARCHIVE, id='archive', next_run_time=datetime.now(UTC))
    scheduler.add_listener(_log_failure, EVENT_JOB_ERROR)
    return scheduler


def _log_failure(event: JobExecutionEvent) -> None:
    log.warning('job %s failed; it runs again when it is due: %s', event.job_id, loggable(event.exception))
