"""Runs the statements of readers: checked, limited, a few at a time, and ended when nobody waits for the answer."""

import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from functools import cached_property
from typing import NamedTuple

from exporter.errors import EngineError, NotAllowed
from exporter.store import guard
from exporter.store.clickhouse import ClickHouse, quoted
from exporter.store.native_revision import empty_block, for_revision

CORES = len(os.sched_getaffinity(0))
AT_ONCE = min(4, max(1, CORES // 2))  # statements that run
THREADS = max(1, CORES // (2 * AT_ONCE))  # of a statement: half of the processors are left to calls and logs
SPEED = 30_000_000  # rows that a statement reads in a second, on average, once it has run for BRISK seconds
BRISK = 1
ADMITTED = 32  # statements that run or wait
PATIENCE = 30.0  # seconds that a statement waits
POLL = 0.1  # seconds between two looks whether the client still waits
COMMENT = "Settings['log_comment']"  # of a running statement
MARK = 'reader '  # begins it
TOO_MANY, CANCELLED = 202, 394  # ClickHouse's error codes
SECONDS, MOST_SECONDS = 60, 120  # of a statement: by default, and at most
MEMORY = min(2 << 30, os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // (2 * AT_ONCE))  # all have half of the machine's
MOST = {  # the limits that a client may lower
    'max_execution_time': MOST_SECONDS,
    'max_memory_usage': MEMORY,  # bytes
    'max_result_rows': 1_000_000,
    'max_result_bytes': 100_000_000,
}
# Beyond a limit, a statement fails. It never writes to the disk what does not fit into memory.
READING: Mapping[str, int | str] = {
    'timeout_overflow_mode': 'throw',
    'result_overflow_mode': 'throw',
    'max_bytes_ratio_before_external_group_by': 0,
    'max_bytes_ratio_before_external_sort': 0,
    'max_bytes_before_external_group_by': 0,
    'max_bytes_before_external_sort': 0,
    'max_threads': THREADS,
    'max_execution_speed': SPEED,
    'timeout_before_checking_execution_speed': BRISK,
    'os_threads_nice_value_query': 19,  # calls and logs come first; no effect without the right to do so (CAP_SYS_NICE)
    'readonly': 2,
}
# What clients send that changes nothing here.
IGNORED = {
    *('max_threads', 'max_block_size', 'log_queries', 'log_comment', 'readonly', 'send_progress_in_http_headers'),
    *('cancel_http_readonly_queries_on_client_close', 'add_http_cors_header'),
    *('result_overflow_mode', 'timeout_overflow_mode', 'connect_timeout', 'receive_timeout', 'send_timeout'),
}


class Answer(NamedTuple):
    """An answer in a format of ClickHouse, and the seconds that it took."""

    body: bytes
    format: str
    seconds: float


class Question(NamedTuple):
    """A statement and how to answer it: in its own format, or else in `format`."""

    statement: str
    format: str
    parameters: Mapping[str, str]  # as ClickHouse reads them from the URL: escaped like TSV
    settings: Mapping[str, str]
    revision: int  # the client's version of the Native format


class Reader:
    """The statements of readers. Use it in a `with`, which ends those that run. Any thread may call `answer`.

    `database()` returns a connection of the calling thread. Each worker opens one more, which may only read.
    """

    def __init__(self, database: Callable[[], ClickHouse]) -> None:
        self._database = database
        self._workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix='reader')
        self._room = threading.BoundedSemaphore(ADMITTED)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections = list[ClickHouse]()

    def __enter__(self) -> 'Reader':
        return self

    def stop(self) -> None:
        """Ends all statements, and takes no more."""
        self._workers.shutdown(wait=False, cancel_futures=True)
        if self._connections:
            self._kill(f'startsWith({COMMENT}, {quoted(MARK)})')

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._workers.shutdown()
        for connection in self._connections:
            connection.close()

    @cached_property
    def database(self) -> str:
        """The name of the only database that can be read. Raises EngineError."""
        return self._database().address.database

    def answer(self, question: Question, gone: Callable[[], bool]) -> Answer | None:
        """Answers a statement; None if `gone()`, whether the client has left, became true before the end.

        Raises NotAllowed, and EngineError with the engine's code, also for statements over the limits.
        """
        if not self._room.acquire(blocking=False):
            raise _too_many()
        try:
            mark = f'{MARK}{uuid.uuid4().hex}'
            try:
                work = self._workers.submit(self._work, question, mark)
            except RuntimeError:
                raise _stopping() from None
            deadline, left = time.monotonic() + PATIENCE, False
            while True:
                try:
                    return work.result(POLL)
                except CancelledError:
                    raise _stopping() from None
                except TimeoutError:
                    if left := gone():
                        if work.cancel() or work.done():
                            return None
                        self._kill(f'{COMMENT} = {quoted(mark)}')  # again until it has ended: it may not have begun yet
                    if time.monotonic() > deadline and work.cancel():
                        raise _too_many() from None
                except EngineError:
                    if left:
                        return None
                    raise
        finally:
            self._room.release()

    def _kill(self, condition: str) -> None:
        self._database().command(f'KILL QUERY WHERE {condition} ASYNC')

    def _work(self, question: Question, mark: str) -> Answer:
        began = time.monotonic()
        connection = self._connection()
        try:
            self._prepare(connection, question, mark)
            statement = guard.check(connection, question.statement)
            settings = self._settings(connection, question, mark)
            output = statement.format or question.format
            body = connection.raw(f'{statement.text}\nFORMAT {output}', settings)
            if output == 'Native':
                # without rows, the embedded engine sends nothing, but clients want the names of the columns
                body = body or empty_block(connection.columns(statement.text, settings))
                body = for_revision(body, question.revision)
        finally:
            self._clean(connection, question)
        return Answer(body, output, time.monotonic() - began)

    def _connection(self) -> ClickHouse:
        connection: ClickHouse | None = getattr(self._local, 'connection', None)
        if connection is None:
            connection = self._database().another()
            if connection.address.in_process:
                connection.command(f'SET {_assignments(READING)}')
            self._local.connection = connection
            with self._lock:
                self._connections.append(connection)
        return connection

    def _clean(self, connection: ClickHouse, question: Question) -> None:
        """Takes the settings of a client off the connection; a parameter cannot be taken off, so it ends the connection."""
        if connection.address.in_process and question.parameters:
            self._local.connection = None
            with self._lock:
                self._connections.remove(connection)
            connection.close()
        elif connection.address.in_process and question.settings:
            connection.command('SET ' + ', '.join(f'{name} = DEFAULT' for name in question.settings))

    def _prepare(self, connection: ClickHouse, question: Question, mark: str) -> None:
        """Sets what the check of a statement needs: its parameters, and the usual limits."""
        if not connection.address.in_process:
            if question.parameters:
                raise NotAllowed('parameters of a statement are not passed on to a server', 'ask the server itself')
            return
        parameters = {f'param_{name}': value for name, value in question.parameters.items()}
        connection.command(f'SET {_assignments({**MOST, "log_comment": mark, **parameters})}')

    def _settings(self, connection: ClickHouse, question: Question, mark: str) -> Mapping[str, int | str]:
        """Sets the limits and settings of a statement; returns those that have to be sent with it, to a server."""
        settings: dict[str, int | str] = {'max_execution_time': SECONDS, **question.settings}
        for name, most in MOST.items():
            value = str(settings.get(name, most))
            settings[name] = min(int(value), most) if re.fullmatch(r'0*[1-9]\d{0,17}', value) else most
        if not connection.address.in_process:
            return {**READING, **settings, 'log_comment': mark}
        connection.command(f'SET {_assignments(settings)}')
        return {}


def allowed_settings(given: Mapping[str, str]) -> dict[str, str]:
    """The settings that a client sent beside its statement, without those that change nothing. Raises NotAllowed."""
    for name in given:
        if name not in guard.SETTINGS | MOST.keys() | IGNORED:
            raise NotAllowed(f'the setting {name[:100]} is not allowed', 'leave it out')
    return {name: value for name, value in given.items() if name not in IGNORED}


def _assignments(settings: Mapping[str, int | str]) -> str:
    return ', '.join(f'{name} = {quoted(value) if isinstance(value, str) else value}' for name, value in settings.items())


def _too_many() -> EngineError:
    return _error(TOO_MANY, f'Too many simultaneous queries. Maximum: {ADMITTED}. (TOO_MANY_SIMULTANEOUS_QUERIES)')


def _stopping() -> EngineError:
    return _error(CANCELLED, 'Query was cancelled: the server is stopping. (QUERY_WAS_CANCELLED)')


def _error(code: int, text: str) -> EngineError:
    return EngineError(text, 'try again later', code, f'Code: {code}. DB::Exception: {text}')
