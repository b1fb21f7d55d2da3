"""Finds out which names of a JSON access log stand for which of our fields; pure.

A name counts only if its values look right: `host` may be the machine, `user` an object, `request` a path.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from exporter.errors import SettingsError
from exporter.ingest.formats import Format, Time
from exporter.ingest.formats.json_lines import Names, Reader, is_secret, json_format
from exporter.ingest.formats.json_presets import JSON_PRESETS
from exporter.ingest.formats.log_fields import missing_fields

SAMPLE, MOST_NAMES, DEEPEST, LONGEST_VALUE = 1000, 500, 6, 300  # objects; names, levels and characters of each that are looked at
GUESSED = 'json '  # begins the name of a guessed format; its mapping follows
MOST = 0.6  # of the values must look right
FORWARDED_HEADER = 'x-forwarded-for'

# Usual names without case and separators, in the order in which they count: what tells more before what tells less (a target
# with its query before a decoded path), nginx' own before those of log shippers. `url.path` is `urlpath` and `path`.
USUAL = {
    'time': 'timeiso8601 timelocal msec time timestamp ts datetime eventtime starttime requesttimestamp unixtime epoch date',
    'ip': 'remoteaddr remoteip clientip clientaddr clientaddress remoteaddress client remotehost ipaddress ip sourceip srcip cip '
    'sourceaddress source downstreamremoteaddress downstreamremoteaddresswithoutport peer peerip remote addr address host',
    'forwarded': '',  # the header that the setting names
    'host': 'httphost requesthost vhost virtualhost authority host servername domain',
    'user': 'remoteuser user username userid authuser account login consumer csusername',
    'request': 'request requestline httprequest firstline',
    'method': 'requestmethod method httpmethod verb httpverb reqmethod requesttype csmethod',
    'target': 'requesturi originaluri originalurl urloriginal requesturl uri url urlfull httptarget httpurl target requestpath '
    'path urlpath csuristem request',
    'query': 'args querystring query urlquery httpquery requestquery csuriquery',
    'status': 'status statuscode responsecode responsestatus httpstatus httpstatuscode httpcode code scstatus',
    'bytes': 'bodybytessent bytessent bytes size responsesize responsebytes sentbytes bodybytes bodysize bytesout byteswritten '
    'contentlength length scbytes',
    'agent': 'httpuseragent useragent agent ua useragentoriginal csuseragent',
    'referrer': 'httpreferer httpreferrer referer referrer httprequestreferrer csreferer',
    'duration': 'requesttime duration responsetime requestduration latency elapsed elapsedtime processingtime processtime '
    'timetaken took',
}
RANKS = {field: {name: rank for rank, name in enumerate(names.split())} for field, names in USUAL.items()}
OF_REQUEST, OF_RESPONSE = {'request', 'req'}, {'response', 'resp', 'res', 'respheaders', 'responseheaders', 'upstream', 'origin'}
NOT_WITHIN = dict.fromkeys(
    ('ip', 'forwarded', 'host', 'user', 'request', 'method', 'target', 'query', 'agent', 'referrer'), OF_RESPONSE
)
NOT_WITHIN |= {field: OF_REQUEST | {'upstream', 'origin'} for field in ('status', 'bytes')}

ADDRESS = r'\[?(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+)(?:%\w+)?\]?(?::\d+)?'
LOOKS = {
    'ip': re.compile(rf'{ADDRESS}(?:, ?(?:{ADDRESS}|unknown|-))*'),
    'host': re.compile(r'[\w.-]+(?::\d+)?|\[[0-9A-Fa-f:]+\](?::\d+)?'),
    'request': re.compile(r'[A-Z]{3,20} \S.*', re.DOTALL),
    'method': re.compile(r'[A-Za-z][A-Za-z_-]{0,19}'),
    'target': re.compile(r'(?:/|[A-Za-z][A-Za-z0-9+.-]{0,19}://).*|\*', re.DOTALL),
    'status': re.compile(r'[1-9]\d\d|0|-1|000'),
    'bytes': re.compile(r'\d+'),
    'duration': re.compile(r'\d+(?:\.\d+)?(?:[eE]-?\d+)?(?:s|ms|[uµμ]s|ns)?'),
}
TIMES = {
    Time.UNIX: re.compile(r'\d{9,19}(?:\.\d+)?'),
    Time.ISO: re.compile(r'\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.*'),
    Time.CLF: re.compile(r'\[?\d{1,2}/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d.*'),
}
UNITS = (
    (('milliseconds', 'millis', 'msec', 'ms'), 1e-3),
    (('microseconds', 'micros', 'usec', 'us'), 1e-6),
    (('nanoseconds', 'nanos', 'nsec', 'ns'), 1e-9),
    (('seconds', 'secs', 'sec', 's'), 1.0),
)
KNOWN_UNITS = {'requesttime': 1.0, 'eventduration': 1e-9}  # nginx, Elastic Common Schema


class Guess(NamedTuple):
    """What the names of a log mean. `missing` names the fields without which no call can be read; it is empty if none is."""

    mapping: dict[str, Names]
    time: Time
    seconds: float
    missing: tuple[str, ...]
    preset: str = ''  # whose mapping it is

    def to_format(self) -> Format:
        """Returns the format for all lines of the log. Only for a guess without missing fields."""
        if self.preset and self.time == JSON_PRESETS[self.preset].time:
            return JSON_PRESETS[self.preset]
        only_forwarded = JSON_PRESETS[self.preset].only_forwarded if self.preset else 'ip' not in self.mapping
        name = f'{GUESSED}{json.dumps([self.mapping, self.time, self.seconds, only_forwarded])}'
        return json_format(name, self.mapping, time=self.time, seconds=self.seconds, only_forwarded=only_forwarded)


def guessed_format(name: str) -> Format:
    """Returns the format of a guess by the name that `to_format` gave it. Raises SettingsError for another name."""
    try:
        mapping, time, seconds, only_forwarded = json.loads(name.removeprefix(GUESSED))
        names = {field: each if isinstance(each, str) else tuple(each) for field, each in mapping.items()}
        return json_format(name, names, time=Time(time), seconds=seconds, only_forwarded=only_forwarded)
    except (ValueError, TypeError, AttributeError):
        raise SettingsError(
            f'log_format: unknown format {name[:200]!r}', 'use json, and name the fields in [log_fields]'
        ) from None


class Candidate(NamedTuple):
    """A name in the log that may stand for a field."""

    rank: int
    depth: int
    name: str
    unit: str  # what follows a usual name of a duration
    values: list[str]


def guess_mapping(objects: Sequence[Mapping[str, Any]], forwarded_header: str = FORWARDED_HEADER) -> Guess:
    """Returns what the names of some decoded lines mean. `forwarded_header`: the header that names the caller behind a proxy."""
    names = _collect(objects[:SAMPLE])
    if preset := _preset(names):
        return preset
    mapping: dict[str, Names] = {}
    kind, seconds = Time.ISO, 1.0
    for field in USUAL:
        if field == 'query' and not _lacks_query(names, mapping):
            continue
        if field in ('method', 'target') and 'request' in mapping:
            continue
        candidates = [each for each in _candidates(field, names, forwarded_header) if each.name not in mapping.values()]
        chosen = _choose(field, candidates)
        if not chosen:
            continue
        mapping[field] = chosen.name
        if field == 'time':
            kind = _time_of(chosen.values) or Time.ISO
        elif field == 'duration':
            seconds = _unit_of(chosen)
    return Guess(mapping, kind, seconds, tuple(missing_fields(mapping)))


def _collect(objects: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Returns the texts of each dotted name; '' for an empty one."""
    names: dict[str, list[str]] = {}
    for each in objects:
        for name, value in _flatten(each, '', DEEPEST):
            if name in names or len(names) < MOST_NAMES:
                names.setdefault(name, []).append(value)
    return names


def _flatten(value: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    for key, inner in islice(value.items(), MOST_NAMES):
        name = prefix + key.replace('.', '\\.')
        if isinstance(inner, Mapping):
            if depth > 1:
                yield from _flatten(inner, f'{name}.', depth - 1)
            continue
        first = inner[0] if isinstance(inner, list) and inner else inner
        if not re.search(r'["\x00-\x1f]|\\(?!\.)', name) and key and isinstance(first, str | int | float | None):
            yield name, '' if first is None or isinstance(first, bool) else str(first)[:LONGEST_VALUE]


def _preset(names: Mapping[str, list[str]]) -> Guess | None:
    """Returns the mapping of the product whose names are all there, for what no call is without."""
    for name, preset in JSON_PRESETS.items():
        reader = preset.read
        assert isinstance(reader, Reader)
        texts = {
            field: next((names[each] for each in _alternatives(reader.mapping[field]) if each in names), None)
            for field in ('time', 'ip', 'method', 'target')
        }
        if not all(texts.values()):
            continue
        time = _time_of(texts['time'] or [])
        if time and all(_share(field, texts[field] or []) >= MOST for field in ('method', 'target')):
            return Guess(dict(reader.mapping), time, preset.seconds, (), name)
    return None


def _alternatives(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def _candidates(field: str, names: Mapping[str, list[str]], forwarded_header: str) -> Iterator[Candidate]:
    header = _plain(forwarded_header)
    ranks = RANKS[field] if field != 'forwarded' else {f'http{header}': 0, header: 1}
    if field == 'forwarded' and forwarded_header.lower() == FORWARDED_HEADER:
        ranks = ranks | {'forwardedfor': 2, 'xff': 3}
    for name, values in names.items():
        parts = [_plain(part.replace('\\', '')) for part in re.split(r'\.', name)]
        if is_secret(name) or set(parts[:-1]) & NOT_WITHIN.get(field, set()):
            continue
        for depth in range(len(parts)):
            text = ''.join(parts[depth:])
            base, unit = _split_unit(text, ranks) if field == 'duration' else (text, '')
            if base in ranks:
                yield Candidate(ranks[base], depth, name, unit, values)
                break


def _plain(name: str) -> str:
    return re.sub(r'[^a-z0-9]', '', name.lower())


def _split_unit(text: str, ranks: Mapping[str, int]) -> tuple[str, str]:
    if text in ranks:
        return text, ''
    for endings, _ in UNITS:
        for ending in endings:
            if text.endswith(ending) and text.removesuffix(ending).removesuffix('in') in ranks:
                return text.removesuffix(ending).removesuffix('in'), ending
    return text, ''


def _choose(field: str, candidates: Sequence[Candidate]) -> Candidate | None:
    """Returns the candidate that counts most among those that look right and are there about as often as any."""
    right = [each for each in candidates if _share(field, each.values) >= MOST]
    most = max((len(each.values) for each in right), default=0)
    return min((each for each in right if 2 * len(each.values) >= most), default=None)


def _share(field: str, values: Sequence[str]) -> float:
    """Returns which share of the values that are not empty looks right. An optional field may have none."""
    given = [value for value in values if value not in ('', '-')]
    if field == 'time':
        return 1.0 if _time_of(values) else 0.0
    if not given:
        return 1.0 if field in ('forwarded', 'user', 'query', 'agent', 'referrer') else 0.0
    looks = LOOKS.get(field)
    return sum(1 for value in given if looks.fullmatch(value)) / len(given) if looks else 1.0


def _time_of(values: Sequence[str]) -> Time | None:
    """Returns the notation of most of the times."""
    given = [value for value in values if value]
    for time, looks in TIMES.items():
        if given and sum(1 for value in given if looks.fullmatch(value)) / len(given) >= MOST:
            return time
    return None


def _unit_of(duration: Candidate) -> float:
    """Returns the unit in seconds. If the name does not tell, fractions below 1 are seconds and other numbers milliseconds."""
    for endings, seconds in UNITS:
        if duration.unit in endings:
            return seconds
    parts = [_plain(part) for part in duration.name.split('.')]
    for depth in range(len(parts)):
        if known := KNOWN_UNITS.get(''.join(parts[depth:])):
            return known
    given = [value for value in duration.values if value not in ('', '-')]
    if any(value[-1] == 's' for value in given):
        return 1.0
    numbers = sorted(float(value) for value in given if LOOKS['duration'].fullmatch(value))
    fractions = any('.' in value or 'e' in value for value in given)
    return 1.0 if not numbers or (fractions and numbers[len(numbers) // 2] < 1) else 1e-3


def _lacks_query(names: Mapping[str, list[str]], mapping: Mapping[str, Names]) -> bool:
    """Whether no target in the sample has its query."""
    target = mapping.get('target')
    return isinstance(target, str) and not any('?' in value for value in names[target])
