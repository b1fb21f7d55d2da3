"""Every element of a body becomes a call, or a reject with field and reason."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.errors import InputError, TooLarge
from exporter.ingest.collector.body import JSON, NDJSON
from exporter.ingest.collector.calls import MOST_CALLS, CheckedElements, ElementReject, frame, read
from exporter.model.call import HTTP_COLUMNS
from exporter.model.reject import Reason

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
CALL = {'timestamp': '2026-11-02T08:30:00.125+01:00', 'domain': 'data.example.org', 'ip': '192.0.2.7'}


def read_elements(*elements: Any, portal: str = '') -> CheckedElements:
    return read(json.dumps(elements).encode(), JSON, NOW, portal)


def domains(result: CheckedElements) -> list[str]:
    return frame(result.calls)['domain'].to_list()


def one(portal: str = '', **fields: Any) -> dict[str, Any]:
    """Returns the row of CALL with other fields."""
    result = read_elements(CALL | fields, portal=portal)
    assert not result.rejects
    [row] = frame(result.calls).to_dicts()
    return row


def rejected(element: Any, portal: str = '') -> ElementReject:
    """Returns the reject of an element, which is the same between two valid ones."""
    alone, between = read_elements(element, portal=portal), read_elements(CALL, element, CALL, portal=portal)
    assert alone.calls == []
    assert between.calls == read_elements(CALL, CALL).calls
    [reject] = between.rejects
    assert (alone.rejects[0].field, alone.rejects[0].reason, reject.index) == (reject.field, reject.reason, 1)
    assert json.loads(reject.text) == element
    return reject


def test_complete_call() -> None:
    assert one(
        user_id='alice', user_agent='curl/8', method='GET', path='/api?rows=1', dataset_id='trees', status=404,
        bytes=2**63 - 1, duration_ms=12.7, forwarded_for='192.0.2.9, 10.0.0.2',
        referrer='https://www.example.net/a?b',
    ) == {
        'line': 0, 'timestamp': datetime(2026, 11, 2, 7, 30, 0, 125_000, UTC), 'domain': 'data.example.org', 'ip': '192.0.2.7',
        'user_id': 'alice', 'user_agent': 'curl/8', 'method': 'GET', 'path': '/api?rows=1', 'dataset_id': 'trees', 'status': 404,
        'bytes': 2**63 - 1, 'duration_ms': 12, 'forwarded': '192.0.2.9, 10.0.0.2', 'host': '', 'referrer': 'https://www.example.net/a?b',
    }  # fmt: skip


def test_null_equals_absent() -> None:
    optional = ['user_id', 'user_agent', 'method', 'path', 'dataset_id', 'status', 'bytes', 'duration_ms']
    nothing: dict[str, Any] = dict.fromkeys([*optional, 'forwarded_for'])
    row = one(**nothing)
    assert row == one()
    assert [row[name] for name in [*optional, 'forwarded']] == [''] * 5 + [None, 0, None, '']
    assert one('data.example.org', domain=None)['domain'] == 'data.example.org'


def test_a_duration_below_a_millisecond_is_known() -> None:
    assert [one(duration_ms=duration)['duration_ms'] for duration in (0, 0.4, 1)] == [0, 0, 1]


def test_frame_has_the_input_columns_also_without_calls() -> None:
    for result in (read_elements(CALL), read_elements(), read_elements(1)):
        assert dict(frame(result.calls).schema) == {'line': pl.UInt32, **HTTP_COLUMNS}


@pytest.mark.parametrize(
    ('written', 'moment'),
    [
        ('2026-11-02T08:30:00Z', datetime(2026, 11, 2, 8, 30, tzinfo=UTC)),
        ('2026-11-02t08:30:00.9999z', datetime(2026, 11, 2, 8, 30, 0, 999_000, UTC)),  # a day does not begin early
        ('2026-11-02 03:00:00-05:30', datetime(2026, 11, 2, 8, 30, tzinfo=UTC)),
        (1793608200, datetime(2026, 11, 2, 8, 30, tzinfo=UTC)),
        (1793608200.123, datetime(2026, 11, 2, 8, 30, 0, 123_000, UTC)),
        (1.7936082001e9, datetime(2026, 11, 2, 8, 30, 0, 100_000, UTC)),
        ('1990-01-01T00:00:00Z', datetime(1990, 1, 1, tzinfo=UTC)),
        ('2026-11-03T12:00:00Z', NOW + timedelta(days=1)),
    ],
)
def test_moments(written: Any, moment: datetime) -> None:
    assert one(timestamp=written)['timestamp'] == moment


@given(st.datetimes(datetime(1990, 1, 1), datetime(2026, 11, 3, 12), timezones=st.just(UTC)))
def test_timestamp_keeps_milliseconds_in_any_notation(moment: datetime) -> None:
    kept = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert one(timestamp=moment.isoformat())['timestamp'] == kept
    assert one(timestamp=kept.timestamp())['timestamp'] == kept


@pytest.mark.parametrize(
    ('fields', 'field', 'reason'),
    [
        ({'timestamp': '2026-11-02T08:30:00'}, 'timestamp', Reason.TIMESTAMP),  # no offset
        ({'timestamp': '2026-11-31T08:30:00Z'}, 'timestamp', Reason.TIMESTAMP),
        ({'timestamp': '1793608200'}, 'timestamp', Reason.TIMESTAMP),
        ({'timestamp': '1989-12-31T23:59:59Z'}, 'timestamp', Reason.TIMESTAMP),
        ({'timestamp': '2026-11-03T12:00:01Z'}, 'timestamp', Reason.TIMESTAMP),
        ({'timestamp': '0001-01-01T00:00:00+14:00'}, 'timestamp', Reason.TIMESTAMP),
        ({'timestamp': '9999-12-31T23:59:59-14:00'}, 'timestamp', Reason.TIMESTAMP),
        ({'timestamp': 1793608200000}, 'timestamp', Reason.TIMESTAMP),  # milliseconds
        ({'timestamp': 1e300}, 'timestamp', Reason.TIMESTAMP),
        ({'timestamp': 10**400}, 'timestamp', Reason.TIMESTAMP),
        ({'timestamp': True}, 'timestamp', Reason.TIMESTAMP),
        ({'timestamp': None}, 'timestamp', Reason.TIMESTAMP),
        ({'ip': '192.0.2'}, 'ip', Reason.ADDRESS),
        ({'ip': 'host.example.org'}, 'ip', Reason.ADDRESS),
        ({'ip': ''}, 'ip', Reason.ADDRESS),
        ({'ip': '-'}, 'ip', Reason.ADDRESS),
        ({'ip': 3221225991}, 'ip', Reason.ADDRESS),
        ({'ip': '1' * 65}, 'ip', Reason.ADDRESS),
        ({'domain': 'no domain'}, 'domain', Reason.DOMAIN),
        ({'domain': ''}, 'domain', Reason.DOMAIN),
        ({'domain': ['a']}, 'domain', Reason.DOMAIN),
        ({'domain': None}, 'domain', Reason.MISSING_FIELD),
        ({'status': 99}, 'status', Reason.STATUS),
        ({'status': 1000}, 'status', Reason.STATUS),
        ({'status': '200'}, 'status', Reason.STATUS),
        ({'status': 200.5}, 'status', Reason.STATUS),
        ({'bytes': -1}, 'bytes', Reason.BYTES),
        ({'bytes': 2**63}, 'bytes', Reason.BYTES),
        ({'bytes': 10**40}, 'bytes', Reason.BYTES),
        ({'duration_ms': -0.1}, 'duration_ms', Reason.VALUE),
        ({'duration_ms': 2**32}, 'duration_ms', Reason.VALUE),
        ({'user_id': 7}, 'user_id', Reason.VALUE),
        ({'user_id': 'a' * 201}, 'user_id', Reason.VALUE),
        ({'dataset_id': 'a' * 201}, 'dataset_id', Reason.VALUE),
        ({'method': 'A' * 21}, 'method', Reason.VALUE),
        ({'path': '/' * 16_385}, 'path', Reason.VALUE),
        ({'user_agent': 'a' * 100_000}, 'user_agent', Reason.VALUE),
        ({'forwarded_for': ['192.0.2.9']}, 'forwarded_for', Reason.VALUE),
        ({'forwarded_for': '1' * 16_385}, 'forwarded_for', Reason.VALUE),
        ({'userid': 'alice'}, 'userid', Reason.UNKNOWN_FIELD),
        ({'x' * 999: 1}, 'x' * 100, Reason.UNKNOWN_FIELD),
    ],
)  # fmt: skip
def test_invalid_element_names_field_and_reason_and_spares_neighbours(fields: dict[str, Any], field: str, reason: Reason) -> None:
    reject = rejected(CALL | fields)
    assert (reject.field, reject.reason) == (field, reason)
    assert reject.domain == ('' if field == 'domain' else 'data.example.org')
    assert reject.detail
    assert '192.0.2' not in reject.detail


@pytest.mark.parametrize('field', ['timestamp', 'ip', 'domain'])
def test_required_fields(field: str) -> None:
    reject = rejected({name: value for name, value in CALL.items() if name != field})
    assert (reject.field, reject.reason) == (field, Reason.MISSING_FIELD)


@pytest.mark.parametrize('element', [1, None, 'text', [], [CALL], True])
def test_element_must_be_an_object(element: Any) -> None:
    reject = rejected(element)
    assert (reject.field, reject.reason) == ('', Reason.FORMAT)


def test_longest_accepted_values() -> None:
    longest = {
        'user_id': 'é' * 200,
        'dataset_id': 'd' * 200,
        'method': 'M' * 20,
        'path': '/' * 16_384,
        'user_agent': 'é' * 16_384,
    }
    assert {name: one(**longest)[name] for name in longest} == longest


def test_repeated_field_is_rejected() -> None:
    result = read(b'{"ip": 7, "ip": "192.0.2.7", "timestamp": 1793608200, "domain": "a.example"}', JSON, NOW)
    assert [(reject.field, reject.reason) for reject in result.rejects] == [('', Reason.FORMAT)]


def test_token_of_one_portal_implies_it_and_allows_no_other() -> None:
    call = {name: value for name, value in CALL.items() if name != 'domain'}
    result = read_elements(
        call, CALL, CALL | {'domain': 'DATA.example.org.'}, CALL | {'domain': 'other.example'}, portal='data.example.org'
    )
    assert domains(result) == ['data.example.org'] * 3
    [reject] = result.rejects
    assert (reject.index, reject.field, reject.reason) == (3, 'domain', Reason.FORBIDDEN)
    assert reject.domain == 'data.example.org'  # whoever reads the rejects of another portal does not meet it


def test_domains_are_stored_in_one_spelling() -> None:
    assert domains(read_elements(CALL | {'domain': 'Data.Example.org'}, CALL)) == ['data.example.org'] * 2


def test_object_array_and_lines_are_equivalent() -> None:
    text = json.dumps(CALL).encode()
    expected = read_elements(CALL).calls
    assert read(text, JSON, NOW).calls == expected
    assert read(json.dumps(CALL, indent=2).encode(), JSON, NOW).calls == expected
    assert read(b' \r\n\t[' + text + b']\n', JSON, NOW).calls == expected
    assert read(text, NDJSON, NOW).calls == expected
    assert read(b'\n\r\n' + text + b'\r\n \n', NDJSON, NOW).calls == expected


def test_invalid_json_line_is_rejected_alone() -> None:
    good = json.dumps(CALL).encode()
    result = read(b'\n'.join([good, b'{"timestamp":', b'', b'"\xff', good + good, good]), NDJSON, NOW)
    assert result.calls == read_elements(CALL, CALL).calls
    assert [(reject.index, reject.reason) for reject in result.rejects] == [(n, Reason.FORMAT) for n in (1, 2, 3)]
    assert result.rejects[1].text == '"\ufffd'


def test_limit_of_calls() -> None:
    assert len(read(b'[' + b'1,' * (MOST_CALLS - 1) + b'1]', JSON, NOW).rejects) == MOST_CALLS
    for body, media_type in ((b'[' + b'1,' * MOST_CALLS + b'1]', JSON), (b'1\n' * (MOST_CALLS + 1), NDJSON)):
        with pytest.raises(TooLarge, match='10,001 calls'):
            read(body, media_type, NOW)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=5
)
NAMES = st.sampled_from([*HTTP_COLUMNS, 'other'])
NEARLY = st.dictionaries(NAMES, VALUES | st.sampled_from([200, '::1', 'a.example', '2026-11-02T08:30:00Z'])).map(
    lambda some: CALL | some
)


@given(st.lists(VALUES | NEARLY), st.sampled_from(['', 'data.example.org']))
@example([CALL, {}, CALL], '')
def test_every_element_counts_the_same_in_an_array_and_in_lines(elements: list[Any], portal: str) -> None:
    result = read_elements(*elements, portal=portal)
    at_fault = {reject.index: reject for reject in result.rejects}
    good = [element for index, element in enumerate(elements) if index not in at_fault]
    assert len(result.calls) + len(at_fault) == len(elements)
    assert read_elements(*good, portal=portal) == (result.calls, [])
    assert [json.loads(reject.text) for reject in result.rejects] == [elements[reject.index] for reject in result.rejects]
    calls = frame(result.calls)
    assert calls.drop('status', 'duration_ms').null_count().sum_horizontal().item() == 0
    assert not portal or set(calls['domain']) <= {portal}
    if elements:
        lines = read('\n'.join(map(json.dumps, elements)).encode(), NDJSON, NOW, portal)
        assert lines == result


@given(st.binary(), st.sampled_from([JSON, NDJSON]))
@example(b'[1,\xff]', JSON)
def test_any_bytes_are_refused_or_counted(body: bytes, media_type: str) -> None:
    try:
        result = read(body, media_type, NOW)
    except InputError:
        return
    assert result.calls or result.rejects or body.strip() == b'[]' or body.strip()[1:-1].strip() == b''
