"""What happens by the clock: the table of jobs. What they do is said where they are made."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from exporter.errors import loggable

FOLLOW = 2  # seconds between two looks at the followed logs
INDICATORS = 60  # seconds between two readings of the indicators that Prometheus is told

log = logging.getLogger(__name__)


def table(follow: Callable[[], None], indicators: Callable[[], None], nightly: Callable[[], None]) -> BackgroundScheduler:
    """The scheduler, not yet started. A job that fails is said in a line, and runs again when it is due."""
    scheduler = BackgroundScheduler(
        executors={'default': ThreadPoolExecutor(3)},
        job_defaults={'coalesce': True, 'max_instances': 1, 'misfire_grace_time': None},
        timezone='UTC',
    )
    scheduler.add_job(follow, 'interval', seconds=FOLLOW, id='follow', next_run_time=datetime.now(UTC))
    scheduler.add_job(indicators, 'interval', seconds=INDICATORS, id='indicators', next_run_time=datetime.now(UTC))
    scheduler.add_job(nightly, 'cron', hour=2, minute=17, id='nightly')
    scheduler.add_listener(_say, EVENT_JOB_ERROR)
    return scheduler


def _say(event: JobExecutionEvent) -> None:
    log.warning('job %s failed; it runs again when it is due: %s', event.job_id, loggable(event.exception))
