"""Fetches a catalogue, page by page, with retries and within limits of size and time."""

import re
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path

import httpx

from exporter.errors import InputError

TIMEOUT = httpx.Timeout(120, connect=20)  # seconds without a byte of the answer
LONGEST = 3_600  # seconds of an update
TRIES = 4  # of a request that fails in passing
LONGEST_PAUSE = 600  # seconds that a server may ask to wait
PASSING = {408, 425, 429, 500, 502, 503, 504}  # statuses after which a request is tried again
REDIRECTS = 5
LARGEST_ANSWER = 256 << 20  # bytes, unpacked: an answer in JSON is read at once
LARGEST_FILE = 4 << 30  # bytes, of all answers together, or of a file of RDF, which is read in parts
LATER = 'the catalogue before it stays; run usage-exporter catalogue update again later'


@dataclass(frozen=True)
class Answer:
    """What a catalogue answered, or a file. `url` is '' for a file; `kind` is the media type, '' if unknown.

    `is_whole`: an answer that breaks off would have been noticed.
    """

    path: Path
    shown: str
    url: str = ''
    kind: str = ''
    is_whole: bool = True

    def refuse_large(self) -> None:
        """Raises InputError if there are more bytes than can be read at once."""
        if (size := self.path.stat().st_size) > LARGEST_ANSWER:
            raise too_large(self.shown, size, LARGEST_ANSWER)


class Fetcher:
    """Fetches the answers of one update. Use it in a `with`. One thread at a time may call it. Tests replace `sleep`."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self.sleep = sleep
        self.bytes = 0
        self.until = time.monotonic() + LONGEST
        self.directory = Path(tempfile.mkdtemp(prefix='usage-exporter-catalogue-'))
        self.client = httpx.Client(
            headers={'User-Agent': f'usage-exporter-catalogue/{version("usage-exporter")}'},
            timeout=TIMEOUT,
            follow_redirects=True,
            max_redirects=REDIRECTS,
        )

    def __enter__(self) -> 'Fetcher':
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def get(self, url: httpx.URL) -> Answer:
        """The answer to a request, after retries. Raises InputError for anything but a success."""
        pause, seen = 1.0, show(url)
        for attempt in range(1, TRIES + 1):
            try:
                answer, status, wait = self._get(url)
            except httpx.TooManyRedirects:
                raise InputError(f'{seen}: more than {REDIRECTS} redirects', 'name the address to which they lead') from None
            except (httpx.UnsupportedProtocol, httpx.InvalidURL, ValueError) as error:  # of a redirect
                raise InputError(f'{seen}: cannot be fetched ({_reason(error)})', 'correct the setting catalogue') from None
            except httpx.HTTPError as error:
                failure, wait = f'does not answer as a whole ({_reason(error)})', None
            else:
                if answer:
                    return answer
                if status not in PASSING:
                    raise InputError(f'{seen}: answers {status}', _remedy(status))
                failure = f'answers {status}'
            if wait and wait > min(LONGEST_PAUSE, self.until - time.monotonic()):
                raise InputError(f'{seen}: asks to wait {wait:.0f} seconds', LATER)
            if attempt < TRIES:
                self.sleep(pause if wait is None else wait)
                pause *= 2
        raise InputError(f'{seen}: {failure}', LATER)

    def probe(self, url: httpx.URL) -> bytes:
        """The content of the answer to a request that may fail; b'' if it is no success. Raises InputError if nobody answers."""
        try:
            with self.client.stream('GET', url) as response:
                if response.status_code in (429, 503):  # it may be the one that is looked for
                    raise InputError(f'{show(url)}: answers {response.status_code}', LATER)
                if not response.is_success:
                    return b''
                content = b''
                for part in response.iter_bytes():
                    content += part
                    if len(content) > LARGEST_ANSWER >> 4 or time.monotonic() > self.until:
                        return b''
                return content
        except httpx.ConnectError as error:
            raise InputError(f'{show(url)}: does not answer ({_reason(error)})', LATER) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return b''

    def _get(self, url: httpx.URL) -> tuple[Answer | None, int, float | None]:
        """The answer, its status, and how long to wait before the next try."""
        with self.client.stream('GET', url) as response:
            if not response.is_success:
                return None, response.status_code, _wait(response)
            path = self.directory / 'answer'
            size = 0
            with path.open('wb') as file:
                for part in response.iter_bytes(1 << 20):
                    size += len(part)
                    self.bytes += len(part)
                    if self.bytes > LARGEST_FILE:
                        raise too_large(show(url), self.bytes, LARGEST_FILE)
                    if time.monotonic() > self.until:
                        raise InputError(
                            f'{show(url)}: the catalogue is not read after {LONGEST // 60} minutes',
                            'name a file with its content',
                        )
                    file.write(part)
            return (
                Answer(
                    path,
                    show(url),
                    str(url),
                    response.headers.get('Content-Type', '').partition(';')[0].strip().lower(),
                    bool(response.headers.keys() & {'content-length', 'transfer-encoding'}),
                ),
                response.status_code,
                None,
            )


def is_url(source: str) -> bool:
    """Whether a setting names a URL and not a file."""
    return bool(re.match(r'(?i)https?://', source))


def parse_url(source: str) -> httpx.URL:
    """The URL of a setting. Raises InputError if it is invalid."""
    try:
        url = httpx.URL(source.strip())
        if url.host:
            return url
    except (httpx.InvalidURL, ValueError):
        pass
    raise InputError('catalogue: the URL is invalid', 'write it as https://data.example.org')


def next_page(first: httpx.URL, link: str) -> httpx.URL:
    """The address of a next page, with the scheme, the port and the password of the first: a proxy may hide them from the portal.

    Raises InputError for another host, which must not get the password.
    """
    try:
        url = first.join(link)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL()
    if url.host != first.host:
        raise InputError(f'{show(first)}: the next page is on another host ({show(url)})', 'name the catalogue of that host')
    return first.copy_with(raw_path=url.raw_path)


def show(source: str | httpx.URL) -> str:
    """A source for messages: of a URL, without user, password and parameters, which may hold a key."""
    if isinstance(source, str) and not is_url(source):
        return source
    try:
        url = httpx.URL(source)
        host = f'[{url.host}]' if ':' in url.host else url.host
        return f'{url.scheme}://{host}{f":{url.port}" if url.port else ""}{url.path}'
    except (httpx.InvalidURL, ValueError):
        return 'catalogue'


def open_file(source: str) -> Answer:
    """A file as an answer. Raises InputError if it cannot be read or is too large."""
    path = Path(source)
    try:
        if path.is_file():
            with path.open('rb'):
                size = path.stat().st_size
        elif path.exists():
            raise InputError(f'{source}: not a file', 'name a file or a URL with the setting catalogue')
        else:
            raise InputError(f'{source}: no such file', 'correct the setting catalogue')
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f'{source}: cannot be read ({reason})', 'correct the setting catalogue or the rights of the file'
        ) from None
    if size > LARGEST_FILE:
        raise too_large(source, size, LARGEST_FILE)
    return Answer(path, source)


def too_large(shown: str, size: int, limit: int) -> InputError:
    """The error for an answer or a file above a limit, both in bytes."""
    return InputError(
        f'{shown}: {size >> 20:,} MB are more than the {limit >> 20:,} MB that a catalogue may have',
        'name a catalogue in pages, or a CSV file with its names (docs/catalogue.md)',
    )


def _remedy(status: int) -> str:
    if status in (401, 403):
        return 'give a user and a password in the URL, or name a public address with the setting catalogue'
    return 'name the address of the portal or of its catalogue with the setting catalogue'


def _reason(error: Exception) -> str:
    text = re.sub(r'https?://\S+', '', str(error)).strip()  # it may hold a password
    return f'{type(error).__name__}{f": {text[:150]}" if text else ""}'


def _wait(response: httpx.Response) -> float | None:
    """The seconds after which the server wants to be asked again, from Retry-After (RFC 9110, section 10.2.3)."""
    text = response.headers.get('Retry-After', '').strip()
    if text.isdigit():
        return float(text[:9])
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    return None
