"""Turns the body of a request into calls and rejects; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec
import polars as pl
from msgspec import Meta

from exporter.config import LABEL, domain_name
from exporter.enrich.addresses import address_bytes
from exporter.errors import TooLarge
from exporter.ingest.collector.body import JSON_ERRORS, Element, elements
from exporter.model.call import AHEAD, EARLIEST, HTTP_COLUMNS, TIMESTAMP
from exporter.model.reject import Reason

MOST_CALLS = 10_000  # in one request
MOST_BYTES = 2**63 - 1  # what other programs' JSON still holds

# `domain_name` checks it; the pattern only describes it
PATTERN = rf'^{LABEL}(\.{LABEL})*\.?$'.replace('a-z', 'A-Za-z')
Domain = Annotated[str, Meta(max_length=254, extra_json_schema={'pattern': PATTERN})]
Row = tuple[Any, ...]  # the values of a call in the order of HTTP_COLUMNS; the timestamp is in Unix milliseconds
DOMAIN = list(HTTP_COLUMNS).index('domain')  # in a row
Text = Annotated[str, Meta(max_length=16_384)]
Name = Annotated[str, Meta(max_length=200)]


class Call(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One answered API call. A null in an optional field means the same as an absent field."""

    timestamp: Annotated[
        Annotated[datetime, Meta(tz=True)] | Annotated[float, Meta(ge=EARLIEST.timestamp())],
        Meta(description='Time of the response: RFC 3339 with an offset, or Unix seconds; from 1990 to one day from now.'),
    ]
    ip: Annotated[
        str,
        Meta(
            max_length=64,
            description='IPv4 or IPv6 address of the caller. It determines the place and the visitor and is never stored.',
            extra_json_schema={'anyOf': [{'format': 'ipv4'}, {'format': 'ipv6'}]},
        ),
    ]
    forwarded_for: Annotated[
        Text | None,
        Meta(
            description='The header X-Forwarded-For or Forwarded. It names the caller if `ip` is a trusted proxy; never stored.'
        ),
    ] = None
    domain: Annotated[
        Domain | None,
        Meta(description='The portal, for example data.example.org. Required unless the token is for one portal.'),
    ] = None
    user_id: Annotated[Name | None, Meta(description='The account; null, empty or anonymous: not logged in.')] = None
    user_agent: Annotated[Text | None, Meta(description='The User-Agent header of the request.')] = None
    referrer: Annotated[Text | None, Meta(description='The Referer header of the request. Only its host is stored.')] = None
    method: Annotated[Annotated[str, Meta(max_length=20)] | None, Meta(description='The HTTP method: GET, POST, …')] = None
    path: Annotated[Text | None, Meta(description='The requested path. Its query string is read but not stored.')] = None
    dataset_id: Annotated[Name | None, Meta(description='The data set; if absent, it is derived from path.')] = None
    status: Annotated[
        Annotated[int, Meta(ge=100, le=999)] | None, Meta(description='HTTP status of the response; null: unknown.')
    ] = None
    bytes: Annotated[Annotated[int, Meta(ge=0, le=MOST_BYTES)] | None, Meta(description='Size of the response.')] = None
    duration_ms: Annotated[
        Annotated[float, Meta(ge=0, le=2**32 - 1)] | None, Meta(description='Time to respond, in milliseconds; null: unknown.')
    ] = None


@dataclass(frozen=True)
class ElementReject:
    """An element that is not a valid call. `field` is '' if no single field is invalid."""

    index: int  # in the request, from 0
    field: str
    reason: Reason
    detail: str  # what is wrong and how to fix it; holds no value of the call
    domain: str  # its portal; '' if unknown
    text: str  # as received


class CheckedElements(NamedTuple):
    """The calls and rejects of a request: each element is in one of the two."""

    calls: list[Row]
    rejects: list[ElementReject]


class _InvalidElement(Exception):
    def __init__(self, field: str, reason: Reason, detail: str) -> None:
        self.field, self.reason, self.detail = field, reason, detail


_call = msgspec.json.Decoder(Call).decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_FIELDS = {field.name: msgspec.json.Decoder(field.type) for field in msgspec.structs.fields(Call)}
_REQUIRED = [field.name for field in msgspec.structs.fields(Call) if field.required]
_REASONS = {
    'timestamp': Reason.TIMESTAMP,
    'ip': Reason.ADDRESS,
    'status': Reason.STATUS,
    'bytes': Reason.BYTES,
    'domain': Reason.DOMAIN,
}


def read(body: bytes, media_type: str, now: datetime, token_domain: str = '') -> CheckedElements:
    """Reads one JSON object, an array of objects, or one object per line (NDJSON; empty lines are ignored).

    `token_domain`: the only portal that the sender may write, '' for any. `now` bounds which timestamps are valid.
    Raises InputError for an invalid body, TooLarge for more than MOST_CALLS elements.
    """
    body_elements = elements(body, media_type)
    if len(body_elements) > MOST_CALLS:
        raise TooLarge(
            f'the request holds {len(body_elements):,} calls, the limit is {MOST_CALLS:,}', 'split it into several requests'
        )
    return check(body_elements, now, token_domain)


def check(body_elements: Iterable[Element], now: datetime, token_domain: str = '') -> CheckedElements:
    """Checks elements, as `read` does."""
    checker = _Checker(now, token_domain)
    calls, rejects = list[Row](), list[ElementReject]()
    for index, element in enumerate(body_elements):
        try:
            calls.append(checker(element))
        except _InvalidElement as invalid:
            text = bytes(element).decode()
            rejects.append(ElementReject(index, invalid.field, invalid.reason, invalid.detail, checker.domain_of(element), text))
    return CheckedElements(calls, rejects)


def frame(calls: Iterable[Row]) -> pl.DataFrame:
    """Returns calls as a frame with the columns of HTTP_COLUMNS and `line`, the number of each call from 0.

    Call it once for many requests: a frame costs as much as reading fifty calls.
    """
    columns = list(zip(*calls, strict=True)) or [()] * len(HTTP_COLUMNS)
    named = dict(zip(HTTP_COLUMNS, columns, strict=True))
    moments = pl.Series('timestamp', named.pop('timestamp'), pl.Int64).cast(TIMESTAMP)
    texts = [pl.Series(name, column, HTTP_COLUMNS[name]) for name, column in named.items()]
    return pl.DataFrame([moments, *texts]).with_row_index('line')


class _Checker:
    """Reads elements one by one and checks what their types cannot express."""

    def __init__(self, now: datetime, token_domain: str) -> None:
        self.earliest, self.latest = EARLIEST.timestamp(), (now + AHEAD).timestamp()
        self.token_domain = token_domain
        self.domains: dict[str | None, str] = {None: token_domain}  # the name stored by the value sent

    def __call__(self, element: Element) -> Row:
        """Returns the values of a call, in the order of HTTP_COLUMNS. Raises _InvalidElement."""
        try:
            call = _call(element)
        except JSON_ERRORS as error:
            raise _diagnose(element, error) from None
        timestamp = call.timestamp
        seconds = timestamp if isinstance(timestamp, float) else timestamp.timestamp()
        if not self.earliest <= seconds <= self.latest:
            raise _InvalidElement('timestamp', Reason.TIMESTAMP, 'before 1990 or more than a day in the future; fix the clock')
        if address_bytes(call.ip) is None:
            raise _InvalidElement('ip', Reason.ADDRESS, 'invalid IPv4 or IPv6 address')
        domain = self.domains.get(call.domain) or self._check_domain(call.domain)
        return (
            int(seconds * 1000 + 0.0005),  # more than the error of a float, less than a microsecond
            call.ip,
            call.forwarded_for or '',
            '',  # host
            call.user_id or '',
            call.user_agent or '',
            call.referrer or '',
            call.method or '',
            call.path or '',
            call.status,
            call.bytes or 0,
            None if call.duration_ms is None else int(call.duration_ms),
            domain,
            call.dataset_id or '',
        )

    def _check_domain(self, value: str | None) -> str:
        if value is None:
            raise _InvalidElement(
                'domain', Reason.MISSING_FIELD, 'the portal is missing; add domain, or use a token for one portal'
            )
        try:
            name = domain_name(value)
        except ValueError:
            raise _InvalidElement('domain', Reason.DOMAIN, 'invalid domain name; write the portal as data.example.org') from None
        if self.token_domain and name != self.token_domain:
            raise _InvalidElement('domain', Reason.FORBIDDEN, f'the token is for {self.token_domain} only')
        self.domains[value] = name
        return name

    def domain_of(self, element: Element) -> str:
        """Returns the portal of an invalid element; '' if it names none."""
        try:
            return self.token_domain or domain_name(_FIELDS['domain'].decode(_fields(element)['domain']) or '')
        except (*JSON_ERRORS, KeyError, ValueError):
            return ''


def _diagnose(element: Element, error: Exception) -> _InvalidElement:
    """Finds the invalid field of an element."""
    try:
        fields = _fields(element)
    except JSON_ERRORS as cause:
        return _InvalidElement('', Reason.FORMAT, f'invalid JSON object: {cause}')
    for name, value in fields.items():
        if name not in _FIELDS:
            return _InvalidElement(
                name[:100], Reason.UNKNOWN_FIELD, f'unknown field; the fields of a call are {", ".join(_FIELDS)}'
            )
        try:
            _FIELDS[name].decode(value)
        except JSON_ERRORS as cause:
            return _InvalidElement(name, _REASONS.get(name, Reason.VALUE), str(cause))
    for name in _REQUIRED:
        if name not in fields:
            return _InvalidElement(name, Reason.MISSING_FIELD, 'this field is required')
    return _InvalidElement('', Reason.FORMAT, f'a field occurs twice: {error}')
