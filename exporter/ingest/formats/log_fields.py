"""Reads the setting `[log_fields]`, which names the fields of a JSON log; says which fields a call needs."""

import difflib
import re
from collections.abc import Iterable, Mapping

from exporter.errors import SettingsError
from exporter.ingest.formats import TEXT_FIELDS, Format
from exporter.ingest.formats.json_lines import is_secret, json_format, to_path

DURATIONS = {'duration_s': 1.0, 'duration_ms': 1e-3, 'duration_us': 1e-6, 'duration_ns': 1e-9}
FIELDS = (*(field for field in TEXT_FIELDS if field != 'duration'), *DURATIONS)  # as `[log_fields]` takes them


def log_fields_format(log_fields: Mapping[str, str]) -> Format:
    """Returns the format of the setting `[log_fields]`: our field = the dotted name in the log. Raises SettingsError."""
    for field, name in log_fields.items():
        _check_log_field(field, name)
    twice = {name for name in log_fields.values() if list(log_fields.values()).count(name) > 1}
    if twice:
        raise SettingsError(
            f'log_fields: {sorted(twice)[0][:200]!r} is given for two fields', 'give each field a name of its own'
        )
    durations = [field for field in log_fields if field in DURATIONS]
    parts = [field for field in ('request', 'method', 'target', 'query') if field in log_fields]
    for chosen in (durations, parts if 'request' in parts else []):
        if len(chosen) > 1:
            raise SettingsError(f'log_fields: {" and ".join(chosen)} map the same field twice', 'remove one of them')
    if missing := missing_fields(log_fields):
        raise SettingsError(f'log_fields: no {", no ".join(missing)}', f'add {", ".join(f"{each} = ..." for each in missing)}')
    mapping = {'duration' if field in DURATIONS else field: name for field, name in log_fields.items()}
    return json_format(
        'json',
        mapping,
        seconds=DURATIONS[durations[0]] if durations else 1.0,
        only_forwarded='ip' not in log_fields,
    )


def missing_fields(fields: Iterable[str]) -> list[str]:
    """The fields without which no call can be read: time, address and request."""
    given = set(fields)
    missing = [] if 'time' in given else ['time']
    missing += [] if given & {'ip', 'forwarded'} else ['ip']
    if 'request' in given:
        return missing
    absent = [field for field in ('method', 'target') if field not in given]
    return missing + (['request'] if len(absent) == 2 else absent)


def _check_log_field(field: str, name: str) -> None:
    if field not in FIELDS:
        near = difflib.get_close_matches(field, FIELDS, 1)
        remedy = f'did you mean {near[0]}?' if near else f'the fields are {", ".join(FIELDS)}'
        raise SettingsError(f'log_fields: unknown field {field[:60]!r}', remedy)
    if not all(to_path(name).names) or re.search(r'["\x00-\x1f]', name) or '\\' in name.replace('\\.', ''):
        raise SettingsError(f'log_fields.{field}: invalid name {name[:200]!r}', 'give a dotted name such as request.headers.Host')
    if is_secret(name):
        raise SettingsError(f'log_fields.{field}: {name[:200]!r} may hold a password', 'usage-exporter does not read it')
