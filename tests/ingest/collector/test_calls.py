"""The body of a request: every element of it becomes a call or a reject that names field and reason, alone."""

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
from exporter.model.call import SAID
from exporter.model.reject import Reason

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
CALL = {'timestamp': '2026-11-02T08:30:00.125+01:00', 'domain': 'data.example.org', 'ip': '192.0.2.7'}


def taken(*elements: Any, portal: str = '') -> CheckedElements:
    return read(json.dumps(elements).encode(), JSON, NOW, portal)


def domains(found: CheckedElements) -> list[str]:
    return frame(found.calls)['domain'].to_list()


def one(portal: str = '', **fields: Any) -> dict[str, Any]:
    """The row of a call that is as CALL but for what is said."""
    found = taken(CALL | fields, portal=portal)
    assert not found.rejects
    [row] = frame(found.calls).to_dicts()
    return row


def rejected(element: Any, portal: str = '') -> ElementReject:
    """How an element is rejected, alone and between two good ones."""
    alone, between = taken(element, portal=portal), taken(CALL, element, CALL, portal=portal)
    assert alone.calls == []
    assert between.calls == taken(CALL, CALL).calls
    [reject] = between.rejects
    assert (alone.rejects[0].field, alone.rejects[0].reason, reject.index) == (reject.field, reject.reason, 1)
    assert json.loads(reject.text) == element
    return reject


def test_a_whole_call() -> None:
    assert one(
        user_id='alice', user_agent='curl/8', method='GET', path='/api?rows=1', dataset_id='trees', status=404,
        bytes=2**63 - 1, duration_ms=12.7,
    ) == {
        'line': 0, 'timestamp': datetime(2026, 11, 2, 7, 30, 0, 125_000, UTC), 'domain': 'data.example.org', 'ip': '192.0.2.7',
        'user_id': 'alice', 'user_agent': 'curl/8', 'method': 'GET', 'path': '/api?rows=1', 'dataset_id': 'trees', 'status': 404,
        'bytes': 2**63 - 1, 'duration_ms': 12,
    }  # fmt: skip


def test_what_is_null_is_as_if_it_were_not_there() -> None:
    optional = ['user_id', 'user_agent', 'method', 'path', 'dataset_id', 'status', 'bytes', 'duration_ms']
    nothing: dict[str, Any] = dict.fromkeys(optional)
    row = one(**nothing)
    assert row == one()
    assert [row[name] for name in optional] == [''] * 5 + [0] * 3
    assert one('data.example.org', domain=None)['domain'] == 'data.example.org'


def test_the_columns_are_those_that_the_enrichment_takes_also_of_nothing() -> None:
    for found in (taken(CALL), taken(), taken(1)):
        assert dict(frame(found.calls).schema) == {'line': pl.UInt32, **SAID}


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
def test_a_moment_is_kept_to_the_millisecond_however_it_is_written(moment: datetime) -> None:
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
        ({'userid': 'alice'}, 'userid', Reason.UNKNOWN_FIELD),
        ({'x' * 999: 1}, 'x' * 100, Reason.UNKNOWN_FIELD),
    ],
)  # fmt: skip
def test_each_fault_names_its_field_and_reason_and_touches_no_neighbour(
    fields: dict[str, Any], field: str, reason: Reason
) -> None:
    reject = rejected(CALL | fields)
    assert (reject.field, reject.reason) == (field, reason)
    assert reject.domain == ('' if field == 'domain' else 'data.example.org')
    assert reject.detail
    assert '192.0.2' not in reject.detail


@pytest.mark.parametrize('field', ['timestamp', 'ip', 'domain'])
def test_what_a_call_cannot_do_without(field: str) -> None:
    reject = rejected({name: value for name, value in CALL.items() if name != field})
    assert (reject.field, reject.reason) == (field, Reason.MISSING_FIELD)


@pytest.mark.parametrize('element', [1, None, 'text', [], [CALL], True])
def test_what_is_no_object_is_no_call(element: Any) -> None:
    reject = rejected(element)
    assert (reject.field, reject.reason) == ('', Reason.FORMAT)


def test_longest_values_that_are_taken() -> None:
    longest = {
        'user_id': 'é' * 200,
        'dataset_id': 'd' * 200,
        'method': 'M' * 20,
        'path': '/' * 16_384,
        'user_agent': 'é' * 16_384,
    }
    assert {name: one(**longest)[name] for name in longest} == longest


def test_a_field_that_stands_twice_is_not_passed_over() -> None:
    found = read(b'{"ip": 7, "ip": "192.0.2.7", "timestamp": 1793608200, "domain": "a.example"}', JSON, NOW)
    assert [(reject.field, reject.reason) for reject in found.rejects] == [('', Reason.FORMAT)]


def test_a_token_for_one_portal_implies_it_and_writes_no_other() -> None:
    call = {name: value for name, value in CALL.items() if name != 'domain'}
    found = taken(
        call, CALL, CALL | {'domain': 'DATA.example.org.'}, CALL | {'domain': 'other.example'}, portal='data.example.org'
    )
    assert domains(found) == ['data.example.org'] * 3
    [reject] = found.rejects
    assert (reject.index, reject.field, reject.reason) == (3, 'domain', Reason.FORBIDDEN)
    assert reject.domain == 'data.example.org'  # whoever reads the rejects of another portal does not meet it


def test_domains_are_stored_in_one_spelling() -> None:
    assert domains(taken(CALL | {'domain': 'Data.Example.org'}, CALL)) == ['data.example.org'] * 2


def test_one_object_an_array_and_lines_are_the_same() -> None:
    text = json.dumps(CALL).encode()
    expected = taken(CALL).calls
    assert read(text, JSON, NOW).calls == expected
    assert read(json.dumps(CALL, indent=2).encode(), JSON, NOW).calls == expected
    assert read(b' \r\n\t[' + text + b']\n', JSON, NOW).calls == expected
    assert read(text, NDJSON, NOW).calls == expected
    assert read(b'\n\r\n' + text + b'\r\n \n', NDJSON, NOW).calls == expected


def test_a_line_that_is_no_json_is_rejected_alone() -> None:
    good = json.dumps(CALL).encode()
    found = read(b'\n'.join([good, b'{"timestamp":', b'', b'"\xff', good + good, good]), NDJSON, NOW)
    assert found.calls == taken(CALL, CALL).calls
    assert [(reject.index, reject.reason) for reject in found.rejects] == [(n, Reason.FORMAT) for n in (1, 2, 3)]
    assert found.rejects[1].text == '"\ufffd'


def test_no_more_calls_than_the_limit() -> None:
    assert len(read(b'[' + b'1,' * (MOST_CALLS - 1) + b'1]', JSON, NOW).rejects) == MOST_CALLS
    for body, media_type in ((b'[' + b'1,' * MOST_CALLS + b'1]', JSON), (b'1\n' * (MOST_CALLS + 1), NDJSON)):
        with pytest.raises(TooLarge, match='10,001 calls'):
            read(body, media_type, NOW)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=5
)
NAMES = st.sampled_from([*SAID, 'other'])
NEARLY = st.dictionaries(NAMES, VALUES | st.sampled_from([200, '::1', 'a.example', '2026-11-02T08:30:00Z'])).map(
    lambda some: CALL | some
)


@given(st.lists(VALUES | NEARLY), st.sampled_from(['', 'data.example.org']))
@example([CALL, {}, CALL], '')
def test_every_element_of_any_json_is_accounted_for_and_the_same_in_an_array_as_in_lines(
    elements: list[Any], portal: str
) -> None:
    found = taken(*elements, portal=portal)
    at_fault = {reject.index: reject for reject in found.rejects}
    good = [element for index, element in enumerate(elements) if index not in at_fault]
    assert len(found.calls) + len(at_fault) == len(elements)
    assert taken(*good, portal=portal) == (found.calls, [])
    assert [json.loads(reject.text) for reject in found.rejects] == [elements[reject.index] for reject in found.rejects]
    calls = frame(found.calls)
    assert calls.null_count().sum_horizontal().item() == 0
    assert not portal or set(calls['domain']) <= {portal}
    if elements:
        lines = read('\n'.join(map(json.dumps, elements)).encode(), NDJSON, NOW, portal)
        assert lines == found


@given(st.binary(), st.sampled_from([JSON, NDJSON]))
@example(b'[1,\xff]', JSON)
def test_any_bytes_are_refused_or_accounted_for(body: bytes, media_type: str) -> None:
    try:
        found = read(body, media_type, NOW)
    except InputError:
        return
    assert found.calls or found.rejects or body.strip() == b'[]' or body.strip()[1:-1].strip() == b''
