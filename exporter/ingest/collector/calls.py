"""Calls that are sent over HTTP: the body of a request in, calls and rejects out; pure."""

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
from exporter.ingest.collector.body import NO_JSON, Element, elements
from exporter.model.call import AHEAD, EARLIEST, SAID, TIMESTAMP
from exporter.model.reject import Reason

MOST_CALLS = 10_000  # in one request
MOST_BYTES = 2**63 - 1  # what other programs' JSON still holds

# `domain_name` checks it; the pattern only describes it
PATTERN = rf'^{LABEL}(\.{LABEL})*\.?$'.replace('a-z', 'A-Za-z')
Domain = Annotated[str, Meta(max_length=254, extra_json_schema={'pattern': PATTERN})]
Row = tuple[Any, ...]  # the values of a call in the order of SAID, its moment in Unix milliseconds
DOMAIN = list(SAID).index('domain')  # in a row
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
    domain: Annotated[
        Domain | None,
        Meta(description='The portal, for example data.example.org. Required unless the token is for one portal.'),
    ] = None
    user_id: Annotated[Name | None, Meta(description='The account; null, empty or anonymous: not logged in.')] = None
    user_agent: Annotated[Text | None, Meta(description='The User-Agent header of the request.')] = None
    method: Annotated[Annotated[str, Meta(max_length=20)] | None, Meta(description='The HTTP method: GET, POST, …')] = None
    path: Annotated[Text | None, Meta(description='The requested path. Its query string is read but not stored.')] = None
    dataset_id: Annotated[Name | None, Meta(description='The data set; if absent, it is derived from path.')] = None
    status: Annotated[Annotated[int, Meta(ge=100, le=999)] | None, Meta(description='HTTP status of the response.')] = None
    bytes: Annotated[Annotated[int, Meta(ge=0, le=MOST_BYTES)] | None, Meta(description='Size of the response.')] = None
    duration_ms: Annotated[
        Annotated[float, Meta(ge=0, le=2**32 - 1)] | None, Meta(description='Time to respond, in milliseconds.')
    ] = None


@dataclass(frozen=True)
class ElementReject:
    """An element that is no call that can be counted. `field` is '' where no single one is at fault."""

    index: int  # in the request, from 0
    field: str
    reason: Reason
    detail: str  # what is wrong and how to mend it; holds no value of the call
    domain: str  # the portal that it is of; '' where that is unknown
    text: str  # as it came


class CheckedElements(NamedTuple):
    """What became of a request's elements: each is in one of the two."""

    calls: list[Row]
    rejects: list[ElementReject]


class _Fault(Exception):
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


def read(body: bytes, media_type: str, now: datetime, portal: str = '') -> CheckedElements:
    """Reads one JSON object, an array of them (JSON), or one a line (NDJSON; empty lines are passed over).

    `portal`: the only one that the sender may write, '' for any. `now` bounds which moments are taken for true.
    Raises InputError for a body that cannot be read, TooLarge for more than MOST_CALLS elements.
    """
    found = elements(body, media_type)
    if len(found) > MOST_CALLS:
        raise TooLarge(f'the request holds {len(found):,} calls, the limit is {MOST_CALLS:,}', 'split it into several requests')
    return checked(found, now, portal)


def checked(found: Iterable[Element], now: datetime, portal: str = '') -> CheckedElements:
    """What becomes of elements, as `read` finds them."""
    checking = _Checking(now, portal)
    calls, rejects = list[Row](), list[ElementReject]()
    for index, element in enumerate(found):
        try:
            calls.append(checking(element))
        except _Fault as fault:
            text = bytes(element).decode()
            rejects.append(ElementReject(index, fault.field, fault.reason, fault.detail, checking.portal_of(element), text))
    return CheckedElements(calls, rejects)


def frame(calls: Iterable[Row]) -> pl.DataFrame:
    """Calls as the columns of SAID, and `line`: the number of each.

    Of many requests at once: a frame costs as much as reading fifty calls.
    """
    columns = list(zip(*calls, strict=True)) or [()] * len(SAID)
    named = dict(zip(SAID, columns, strict=True))
    moments = pl.Series('timestamp', named.pop('timestamp'), pl.Int64).cast(TIMESTAMP)
    texts = [pl.Series(name, column, SAID[name]) for name, column in named.items()]
    return pl.DataFrame([moments, *texts]).with_row_index('line')


class _Checking:
    """Reads elements one by one; knows what their types do not say."""

    def __init__(self, now: datetime, portal: str) -> None:
        self.earliest, self.latest = EARLIEST.timestamp(), (now + AHEAD).timestamp()
        self.portal = portal
        self.domains: dict[str | None, str] = {None: portal}  # as given: as stored; a request names a few

    def __call__(self, element: Element) -> Row:
        """The values of a call, in the order of SAID. Raises _Fault."""
        try:
            call = _call(element)
        except NO_JSON as error:
            raise _fault(element, error) from None
        moment = call.timestamp
        seconds = moment if isinstance(moment, float) else moment.timestamp()
        if not self.earliest <= seconds <= self.latest:
            raise _Fault('timestamp', Reason.TIMESTAMP, 'before 1990 or more than a day in the future; fix the clock')
        if address_bytes(call.ip) is None:
            raise _Fault('ip', Reason.ADDRESS, 'invalid IPv4 or IPv6 address')
        domain = self.domains.get(call.domain) or self._domain(call.domain)
        return (
            int(seconds * 1000 + 0.0005),  # more than the error of a float, less than a microsecond
            call.ip,
            call.user_id or '',
            call.user_agent or '',
            call.method or '',
            call.path or '',
            call.status or 0,
            call.bytes or 0,
            int(call.duration_ms or 0),
            domain,
            call.dataset_id or '',
        )

    def _domain(self, given: str | None) -> str:
        if given is None:
            raise _Fault('domain', Reason.MISSING_FIELD, 'the portal is missing; add domain, or use a token for one portal')
        try:
            name = domain_name(given)
        except ValueError:
            raise _Fault('domain', Reason.DOMAIN, 'invalid domain name; write the portal as data.example.org') from None
        if self.portal and name != self.portal:
            raise _Fault('domain', Reason.FORBIDDEN, f'the token is for {self.portal} only')
        self.domains[given] = name
        return name

    def portal_of(self, element: Element) -> str:
        """The portal of an element that is no call; '' where it names none."""
        try:
            return self.portal or domain_name(_FIELDS['domain'].decode(_fields(element)['domain']) or '')
        except (*NO_JSON, KeyError, ValueError):
            return ''


def _fault(element: Element, error: Exception) -> _Fault:
    """Which field is at fault."""
    try:
        fields = _fields(element)
    except NO_JSON as unreadable:
        return _Fault('', Reason.FORMAT, f'invalid JSON object: {unreadable}')
    for name, value in fields.items():
        if name not in _FIELDS:
            return _Fault(name[:100], Reason.UNKNOWN_FIELD, f'unknown field; the fields of a call are {", ".join(_FIELDS)}')
        try:
            _FIELDS[name].decode(value)
        except NO_JSON as wrong:
            return _Fault(name, _REASONS.get(name, Reason.VALUE), str(wrong))
    for name in _REQUIRED:
        if name not in fields:
            return _Fault(name, Reason.MISSING_FIELD, 'this field is required')
    return _Fault('', Reason.FORMAT, f'a field occurs twice: {error}')
