"""Asks an Opendatasoft workspace: its export of rows and its counts by hour, with pauses and retries."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from exporter.errors import InputError, SettingsError
from exporter.ingest.opendatasoft.steps import AGENT

DATASET = 'ods-api-monitoring'
APIS = ('/api/explore/v2.1', '/api/v2')  # the second one of older workspaces
FORMATS = ('parquet', 'jsonl')  # of exports, the preferred one first
TIMEOUT = httpx.Timeout(120, connect=20)  # seconds without an answer
TRIES = 5  # of a request that fails in passing
LONGEST_PAUSE = 600  # seconds that a workspace may ask to wait
CLOCK_DIFFERENCE = timedelta(minutes=20)
PASSING = {408, 429, 500, 502, 503, 504}  # statuses after which a request is tried again
NOT_OFFERED = {400, 404, 406, 415, 501}
PAGE = 100  # groups of an answer with counts


class Workspace:
    """An Opendatasoft workspace. Use it in a `with`. One thread at a time may call it.

    `warn` takes a line for the operator before a long pause; `sleep` waits, which tests replace.
    """

    def __init__(
        self, url: str, api_key: str | None, warn: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.url, self.warn, self.sleep = url, warn, sleep
        headers = {'User-Agent': f'{AGENT}{version("usage-exporter")}'} | (
            {'Authorization': f'Apikey {api_key}'} if api_key else {}
        )
        self.client = httpx.Client(headers=headers, timeout=TIMEOUT, follow_redirects=True)
        self.api = APIS[0]
        self.format = FORMATS[0]
        self.groups_hours = True

    def __enter__(self) -> 'Workspace':
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def check(self, now: datetime) -> None:
        """Finds out how to ask the workspace. Raises InputError if it cannot be asked, or if this machine's clock is wrong."""
        speaks = False
        for api in APIS:
            self.api = api
            answer = self._get(f'/monitoring/datasets/{DATASET}', {})
            if answer.is_success and _json(answer):
                return self._check_clock(answer, now)
            speaks = speaks or (answer.status_code == 404 and 'error_code' in _json(answer))
        if speaks:
            raise InputError(
                f'{self.url}: the workspace has no data set {DATASET}',
                'ask Opendatasoft for it, or use an API key that may see the analytics of the workspace',
            )
        raise InputError(f'{self.url}: not an Opendatasoft workspace', 'name the address of its portal, without a path')

    def export(self, first: datetime, last: datetime, file: Path) -> str:
        """Writes the rows with first <= timestamp < last to a file; returns its format. Raises InputError, OSError."""
        for name in FORMATS[FORMATS.index(self.format) :]:
            self.format = name
            parameters = {'where': _between(first, last), 'use_labels': 'false', 'timezone': 'UTC'}
            answer = self._get(f'/monitoring/datasets/{DATASET}/exports/{self.format}', parameters, file)
            if answer.is_success:
                return self.format
            if answer.status_code not in NOT_OFFERED:
                break
        raise InputError(
            f'{self.url}: refuses the export of {DATASET} ({_reason(answer)})', 'see the status page of the workspace'
        )

    def counts(self, first: datetime, last: datetime) -> dict[int, int] | None:
        """The number of rows by hour with first <= timestamp < last, by the Unix seconds at which it begins, without empty hours.

        None if the workspace does not count by hour. Raises InputError.
        """
        counts = dict[int, int]()
        while self.groups_hours:
            parameters: dict[str, str | int] = {
                'select': 'count(*) as n',
                'group_by': "date_format(timestamp, 'YYYY-MM-dd HH') as hour",
                'where': _between(first, last),
                'order_by': 'hour',
                'timezone': 'UTC',
                'limit': PAGE,
                'offset': len(counts),
            }
            answer = self._get(f'/monitoring/datasets/{DATASET}/records', parameters)
            try:
                rows = [_fields(row) for row in _json(answer).get('results', _json(answer).get('records', ()))]
                page = {_hour(str(row['hour'])): int(row['n']) for row in rows}
            except (KeyError, TypeError, ValueError):
                self.groups_hours = False
                break
            if not answer.is_success or (page and page.keys() <= counts.keys()):  # it ignores the offset, for example
                self.groups_hours = False
                break
            counts |= page
            if not page or len(counts) * 3_600 >= (last - first).total_seconds():
                return counts
        return None

    def _get(self, path: str, parameters: Mapping[str, str | int], file: Path | None = None) -> httpx.Response:
        """Answers a request, after retries; writes the content of a success to `file` if there is one."""
        pause = 1.0
        for attempt in range(1, TRIES + 1):
            try:
                with self._answer(path, parameters, file) as answer:
                    if answer.status_code not in PASSING:
                        return self._permitted(answer)
                    failure, wait = f'answers {_reason(answer)}', _wait(answer)
            except httpx.TransportError as error:
                failure, wait = _failure(error), None
            except (httpx.InvalidURL, httpx.HTTPError) as error:
                raise InputError(f'{self.url}: cannot be asked ({error})', 'name the address of the portal') from error
            if wait and wait > LONGEST_PAUSE:
                until = datetime.now(UTC) + timedelta(seconds=wait)
                raise InputError(
                    f'{self.url}: the quota of calls is used up until {until:%Y-%m-%d %H:%M} UTC', 'run the command again then'
                )
            if attempt < TRIES:
                if wait and wait > 10:
                    self.warn(f'{self.url}: asks to wait {wait:.0f} s')
                self.sleep(wait if wait is not None else pause)
                pause *= 2
        raise InputError(f'{self.url}: {failure}', 'run the command again later; stored hours stay stored')

    @contextmanager
    def _answer(self, path: str, parameters: Mapping[str, str | int], file: Path | None) -> Iterator[httpx.Response]:
        with self.client.stream('GET', f'{self.url}{self.api}{path}', params=parameters) as answer:
            if file and answer.is_success:
                if not answer.headers.keys() & {'content-length', 'transfer-encoding'}:
                    raise httpx.RemoteProtocolError('without its length, an answer that breaks off looks whole')
                with file.open('wb') as content:
                    for part in answer.iter_bytes(1 << 20):
                        content.write(part)
            else:
                answer.read()
            yield answer

    def _permitted(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == 401:
            raise SettingsError(
                f'{self.url}: the API key is missing or wrong', 'set api_key_file or USAGE_OPENDATASOFT_API_KEY to a valid key'
            )
        if answer.status_code == 403:
            raise SettingsError(
                f'{self.url}: the API key may not see {DATASET}',
                "give its account the permission to see the workspace's analytics",
            )
        return answer

    def _check_clock(self, answer: httpx.Response, now: datetime) -> None:
        try:
            theirs = parsedate_to_datetime(answer.headers.get('Date', '')).astimezone(UTC)
        except ValueError:
            return
        if abs(theirs - now) > CLOCK_DIFFERENCE:
            raise InputError(
                f'the clock of this machine says {now:%Y-%m-%d %H:%M} UTC, that of {self.url} {theirs:%Y-%m-%d %H:%M}',
                'set the clock: it decides which hours are complete',
            )


def _between(first: datetime, last: datetime) -> str:
    return f"timestamp >= date'{first:%Y-%m-%dT%H:%M:%SZ}' AND timestamp < date'{last:%Y-%m-%dT%H:%M:%SZ}'"


def _hour(text: str) -> int:
    """The Unix seconds at which an hour begins that is written as 2026-11-01 10."""
    return int(datetime.strptime(text[:13].replace('T', ' '), '%Y-%m-%d %H').replace(tzinfo=UTC).timestamp())


def _fields(row: Any) -> Any:
    """The fields of a record, of API v2.1 or v2.0."""
    while isinstance(row, dict) and isinstance(inner := row.get('record', row.get('fields')), dict):
        row = inner
    return row


def _json(answer: httpx.Response) -> dict[str, Any]:
    """The object that an answer holds, else {}."""
    try:
        value = answer.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _reason(answer: httpx.Response) -> str:
    message = _json(answer).get('message') if not answer.is_success else ''
    return f'{answer.status_code} {answer.reason_phrase}' + (f': {str(message)[:200]}' if message else '')


def _failure(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return 'does not answer in time'
    return f'cannot be reached ({error})' if isinstance(error, httpx.ConnectError) else f'the answer breaks off ({error})'


def _wait(answer: httpx.Response) -> float | None:
    """The seconds after which the workspace wants to be asked again, from Retry-After (RFC 9110, section 10.2.3)."""
    text = answer.headers.get('Retry-After', '').strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
