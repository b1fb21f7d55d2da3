"""The lines that container runtimes, syslog and journald wrap are the lines that the server wrote."""

import json
import tracemalloc
from collections.abc import Iterator

import polars as pl
import pytest
import real_logs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.ingest.formats import wrappers
from exporter.ingest.formats.wrappers import DOCKER_PART, MOST_PARTS, PATIENCE, WRAPPERS, Wrapper, complete_end

LINE = '192.0.2.7 - - [29/Nov/2026:03:01:26 +0000] "GET /api HTTP/1.1" 200 12 "-" "curl/8.10.1"'
NANO = '2026-11-29T03:01:26.000007919Z'
WRAPPED = {  # the beginning of a log's name: its wrapper
    'cri-': 'cri',
    'docker-compose-logs-': 'compose',
    'docker-jsonfile-': 'docker-json',
    'docker-logs-t-': 'timestamps',
    'journalctl-json-': 'journald-json',
    'journalctl-short-iso-': 'syslog',
    'journalctl-short-': 'syslog',
    'kubectl-prefix-': 'kubectl-prefix',
    'kubectl-timestamps-': 'timestamps',
    'syslog-iso-': 'syslog',
    'syslog-rfc3164-': 'syslog',
    'syslog-rfc5424-': 'syslog-5424',
}


def unwrap(name: str, *lines: str) -> list[str | None]:
    frame = WRAPPERS[name].unwrap(pl.Series(lines, dtype=pl.String))
    assert frame.schema == {'text': pl.String}
    assert len(frame) == len(lines)
    return frame['text'].to_list()


def unfinished(name: str, *lines: str) -> int:
    return WRAPPERS[name].unfinished(pl.Series(lines, dtype=pl.String))


def wrapper_of(lines: list[str]) -> Wrapper | None:
    return next((wrapper for wrapper in WRAPPERS.values() if wrapper.matches(lines)), None)


def wrapped_logs() -> Iterator[tuple[str, str, str]]:
    """The name of each wrapped log, its wrapper, and the name of the log in it."""
    for name in real_logs.names():
        prefix = next((prefix for prefix in WRAPPED if name.startswith(prefix)), None)
        if prefix:
            inner = name.removeprefix(prefix)
            yield name, WRAPPED[prefix], 'nginx-json-iso' if inner == 'nginx-json' else inner


@pytest.mark.parametrize(('name', 'wrapper', 'inner'), list(wrapped_logs()))
def test_a_real_wrapped_log_holds_the_lines_of_the_log(name: str, wrapper: str, inner: str) -> None:
    lines = real_logs.read_lines(name)
    found = wrapper_of(lines)
    assert found
    assert found.name == wrapper
    texts = unwrap(wrapper, *lines)
    assert None not in [texts[call['line'] - 1] for call in real_logs.read_truth(name)]
    if inner in real_logs.names():
        texts = [text for text in texts if text is not None]
        assert texts[1 if name.startswith('docker-jsonfile') else 0 :] == real_logs.read_lines(inner)
    else:
        assert inner.startswith('haproxy')
        assert all(text and text.startswith(('127.0.0.', 'Connect from 127.0.0.')) for text in texts)


@pytest.mark.parametrize('name', [name for name in real_logs.names() if not name.startswith(tuple(WRAPPED))])
def test_a_log_that_is_not_wrapped_matches_no_wrapper(name: str) -> None:
    assert wrapper_of(real_logs.read_lines(name)) is None


PREFIXES = [
    ('syslog', 'Nov 29 03:01:26 web1 nginx: '),
    ('syslog', 'Nov  9 03:01:26 web1 nginx[812]: '),
    ('syslog', '<190>Nov 29 03:01:26 web1 nginx: '),
    ('syslog', '<190>Nov 29 03:01:26 nginx: '),
    ('syslog', 'Nov 29 03:01:26 web1.example.org docker/web[812]: '),
    ('syslog', 'Nov 29 03:01:26 2001:db8::9 nginx: '),
    ('syslog', 'Nov 29 03:01:26.123456 web1 nginx[812]: '),
    ('syslog', '2026-11-29T03:01:26+00:00 web1 nginx: '),
    ('syslog', '2026-11-29T03:01:26.123456+01:00 web1 nginx: '),
    ('syslog', '2026-11-29T03:01:26+0000 web1 nginx[812]: '),
    ('syslog', 'Sun 2026-11-29 03:01:26 UTC web1 nginx[812]: '),
    ('syslog', '1795921286.000007 web1 nginx[812]: '),
    ('syslog-5424', '<190>1 2026-11-29T03:01:26+00:00 web1 nginx - - - '),
    ('syslog-5424', '<190>1 2026-11-29T03:01:26+00:00 web1 nginx - - -  '),
    ('syslog-5424', '<190>1 2026-11-29T03:01:26.123456Z web1 nginx 812 ID47 - \ufeff'),
    ('syslog-5424', r'<190>1 2026-11-29T03:01:26Z web1 nginx 812 - [a@1 x="1" y="\"\]"][b@1] '),
    ('syslog-5424', '<190>1 - - - - - - '),
    ('cri', '2026-11-29T03:01:26.1Z stdout F '),
    ('cri', '2026-11-29T03:01:26.000007919+00:00 stderr F '),
    ('cri', '2026-11-29T03:01:26Z stdout F:tag '),
    ('compose', 'web-1  | '),
    ('compose', 'my_project_web.1_1 | '),
    ('compose', f'web-1  | {NANO} '),
    ('compose', '\x1b[36mweb-1  | \x1b[0m'),
    ('compose', '\x1b[36mweb_1  |\x1b[0m '),
    ('compose', f'\x1b[36mweb-1  | \x1b[0m{NANO} '),
    ('timestamps', f'{NANO} '),
    ('timestamps', '2026-11-29T03:01:26.0000079+01:00 '),
    ('kubectl-prefix', '[pod/portal-7d9c8b6f5-x2x4z/web] '),
    ('kubectl-prefix', f'[pod/portal-7d9c8b6f5-x2x4z/web] {NANO} '),
]


@pytest.mark.parametrize(('name', 'prefix'), PREFIXES)
def test_a_prefix(name: str, prefix: str) -> None:
    haproxy = '192.0.2.7:51000 [29/Nov/2026:03:01:26.123] fe be/s1 0/0/1/10/11 200 512 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1"'
    inner = [LINE, haproxy, '{"a": "b: c"}', '', '2001:db8::7 - - x', f'a | b: {LINE}']
    assert unwrap(name, *(prefix + line for line in inner)) == inner
    assert wrapper_of([prefix + LINE]) is WRAPPERS[name]


def test_a_line_that_is_not_wrapped_stays_as_it_is() -> None:
    odd = ['-- Boot 9a9a --', '', LINE, 'web-1 exited with code 0', '{"a":1}', '[', '{"log":1}']
    for name in WRAPPERS:
        assert unwrap(name, *odd) == odd, name
        assert unwrap(name) == []


def test_most_lines_of_a_sample_must_be_wrapped() -> None:
    syslog = WRAPPERS['syslog']
    assert syslog.matches(['-- Boot --', f'Nov 29 03:01:26 web1 nginx: {LINE}', f'Nov 29 03:01:26 web1 nginx: {LINE}', '', ''])
    assert not syslog.matches([LINE, f'Nov 29 03:01:26 web1 nginx: {LINE}'])
    assert not syslog.matches([])
    assert not WRAPPERS['docker-json'].matches(['{"log":"x"}'])


def test_spaces_and_colours_of_the_line_itself_stay() -> None:
    assert unwrap('compose', 'web-1  |   x', 'web-1  | \x1b[31mx\x1b[0m', 'web-1  |') == ['  x', '\x1b[31mx\x1b[0m', '']
    assert unwrap('syslog', 'Nov 29 03:01:26 web1 nginx:   x') == ['  x']
    assert unwrap('cri', '2026-11-29T03:01:26.1Z stdout F   x') == ['  x']


def test_a_time_of_the_line_itself_stays() -> None:
    tsv = '2026-11-29T03:01:26+00:00\t192.0.2.7\tGET\t/\t200'
    assert unwrap('compose', f'web-1  | {tsv}', f'web-1  | {NANO} {tsv}') == [tsv, tsv]


def test_a_tab_that_rsyslog_escaped_is_restored_only_where_no_field_can_hold_it() -> None:
    prefix = 'Nov 29 03:01:26 web1 nginx: '
    tsv = '2026-11-29T03:01:26+00:00\t192.0.2.7\tGET\t/\t200'
    odd = LINE.replace('curl', '#011curl')
    assert unwrap('syslog', prefix + tsv.replace('\t', '#011'), prefix + odd) == [tsv, odd]


def cri(tag: str, text: str, stream: str = 'stdout') -> str:
    return f'2026-11-29T03:01:26.1Z {stream} {tag} {text}'


def docker(log: str, stream: str = 'stdout') -> str:
    return json.dumps({'log': log, 'stream': stream, 'time': NANO})


def test_parts_are_joined_in_the_place_of_the_first() -> None:
    assert unwrap('cri', cri('P', 'a'), cri('P', 'b '), cri('F', 'c'), cri('F', 'd'), cri('P:x', 'e'), cri('F:x', '')) == [
        'ab c',
        None,
        None,
        'd',
        'e',
        None,
    ]
    assert unwrap('docker-json', docker('a'), docker('b '), docker('c\n'), docker('d\n'), docker('e'), docker('\n')) == [
        'ab c',
        None,
        None,
        'd',
        'e',
        None,
    ]


def test_parts_of_two_streams_are_kept_apart() -> None:
    lines = [cri('P', 'a'), cri('P', '1', 'stderr'), cri('F', 'b'), 'x', cri('F', '2', 'stderr'), cri('F', '3', 'stderr')]
    assert unwrap('cri', *lines) == ['ab', '12', None, 'x', None, '3']
    lines = [docker('a'), docker('1', 'stderr'), docker('b\n'), 'x', docker('2\n', 'stderr'), docker('3\n', 'stderr')]
    assert unwrap('docker-json', *lines) == ['ab', '12', None, 'x', None, '3']


def test_a_line_that_is_not_complete() -> None:
    assert unfinished('cri', cri('F', 'a'), cri('P', 'b'), cri('P', 'c')) == 2
    assert unfinished('cri', cri('P', 'a'), cri('F', 'b')) == 0
    assert unfinished('cri', cri('P', 'a'), cri('P', '1', 'stderr'), cri('F', 'b'), cri('F', 'c')) == 4
    assert unfinished('docker-json', docker('a\n'), docker('b')) == 1
    assert unwrap('cri', cri('P', 'a'), cri('P', 'b')) == ['ab', None]
    assert [unfinished(name, 'a', LINE) for name in WRAPPERS] == [0] * len(WRAPPERS)
    assert [unfinished(name) for name in WRAPPERS] == [0] * len(WRAPPERS)


def test_a_line_whose_rest_never_comes() -> None:
    others = [cri('F', '1', 'stderr')] * (PATIENCE - 1)
    assert unfinished('cri', cri('P', 'a'), *others) == PATIENCE
    assert unwrap('cri', cri('P', 'a'), *others, cri('F', 'b'))[0] == 'ab'
    assert unfinished('cri', cri('P', 'a'), *others, others[0]) == 0
    texts = unwrap('cri', cri('P', 'a'), *others, others[0], cri('F', 'b'), cri('F', 'c'))
    assert [texts[0], *texts[-2:]] == ['a', 'b', 'c']


def test_a_line_without_an_end_has_a_maximum_of_parts() -> None:
    parts = [cri('P', 'a')] * MOST_PARTS
    assert unfinished('cri', *parts[1:]) == MOST_PARTS - 1
    assert unfinished('cri', *parts) == 0
    assert unwrap('cri', *parts, cri('F', 'b')) == ['a' * MOST_PARTS, *[None] * (MOST_PARTS - 1), 'b']


def complete(*lines: str) -> int:
    """The number of lines with which a chunk of these may end."""
    content = ''.join(f'{line}\n' for line in lines).encode()
    end = complete_end(content)
    assert content[:end].endswith(b'\n') or not end
    return content.count(b'\n', 0, end)


def test_a_chunk_ends_before_a_line_with_parts_still_to_come() -> None:
    assert complete(LINE, LINE) == 2
    assert complete(cri('F', 'a'), cri('P', 'b'), cri('P', 'c')) == 1
    assert complete(cri('F', 'a'), cri('P', 'b'), cri('F', '1', 'stderr')) == 1
    assert complete(cri('F', 'a'), cri('P', 'b'), cri('F', 'c')) == 3
    assert complete(docker('a\n'), docker('b')) == 1
    assert complete(docker('x' * DOCKER_PART)) == 0
    assert complete(docker('a'), docker('b')) == 2  # a program that passes logs on has removed the line ends
    assert complete(cri('F', 'a'), cri('P', 'b'), *[cri('F', '1', 'stderr')] * PATIENCE) == PATIENCE + 2
    assert complete(cri('P', 'a'), *[LINE] * 3) == 4  # the log is in another format
    assert complete() == 0


def test_parts_that_wait_have_a_maximum_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = cri('F', 'a'), *[cri('P', 'x' * 100)] * 10
    assert complete(*lines) == 1
    monkeypatch.setattr(wrappers, 'MOST_HELD', 1_000)
    assert complete(*lines) == 11


def test_docker_lines_without_line_ends() -> None:
    """Programs that pass logs on remove them."""
    assert unwrap('docker-json', docker('a'), docker('b')) == ['a', 'b']
    part = 'x' * DOCKER_PART
    assert unwrap('docker-json', docker(part), docker('b')) == [f'{part}b', None]
    assert unfinished('docker-json', docker(part)) == 1
    assert unwrap('docker-json', docker('a\r\n')) == ['a']


def test_the_journal() -> None:
    def entry(message: object) -> str:
        return json.dumps({'__REALTIME_TIMESTAMP': '1795921283000007', 'MESSAGE': message})

    texts = ['a', 'jörg', '\ufffd', 'x', '']
    assert unwrap('journald-json', *map(entry, ['a', [106, 195, 182, 114, 103], [255], ['x', 'y'], []])) == texts
    odd = [entry(None), entry([256]), entry([-1]), entry({}), '{"PRIORITY":"6"}', '-- No entries --']
    assert unwrap('journald-json', *odd) == odd


HOSTILE = [
    '<' * 1_000_000,
    'Nov 29 03:01:26 ' + 'x' * 1_000_000,
    'Nov 29 03:01:26 ' + 'x[' * 500_000,
    '<190>1 - - - - - [' + 'a="' * 300_000,
    '<190>1 - - - - - [a ' + 'x="\\" ' * 200_000,
    '<190>1 - - - - - ' + '[a]' * 300_000,
    'a' * 1_000_000 + '|',
    'a' + ' ' * 1_000_000,
    '\x1b[0m' * 250_000,
    'web-1 |' + '\x1b[0m' * 250_000,
    '[pod/' * 200_000,
    '2026-11-29T03:01:26.1Z stdout P' + ' P' * 500_000,
    '{"log":"' + '\\' * 1_000_000,
    '{"log":' + '[' * 1_000_000,
    '{"MESSAGE":[' + '1,' * 500_000 + '1]}',
    '{"log":"x","stream":' + '{"a":' * 100_000,
]


@pytest.mark.parametrize('name', WRAPPERS)
def test_a_hostile_line_takes_memory_by_its_size(name: str) -> None:
    for line in HOSTILE:
        tracemalloc.start()
        WRAPPERS[name].matches([line])
        texts = unwrap(name, LINE, line, LINE)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 30 * len(line)
        assert [texts[0], texts[2]] == [LINE, LINE]


def test_parts_without_an_end_take_memory_by_their_size() -> None:
    for name, lines in {
        'cri': [cri('P', 'x' * 100, 'stdout' if number % 2 else 'stderr') for number in range(50_000)],
        'docker-json': [docker('x', f'stream {number}') for number in range(50_000)] + [docker('\n')],
    }.items():
        tracemalloc.start()
        assert unfinished(name, *lines) <= (2 * MOST_PARTS if name == 'cri' else PATIENCE + 1)
        assert tracemalloc.get_traced_memory()[1] < 10 * sum(map(len, lines))
        tracemalloc.stop()


TEXTS = st.text() | st.binary().map(lambda data: data.decode(errors='replace'))
LINES = st.builds(lambda prefix, text: prefix[1] + text, st.sampled_from(PREFIXES), TEXTS)
PARTS = st.builds(cri, st.sampled_from('FP'), TEXTS, st.sampled_from(['stdout', 'stderr']))
DOCKER = st.builds(docker, TEXTS | st.just('\n'), st.sampled_from(['stdout', 'stderr', '']))


@given(st.lists(TEXTS | LINES | PARTS | DOCKER, max_size=8))
def test_any_text_gives_a_row(lines: list[str]) -> None:
    for name, wrapper in WRAPPERS.items():
        wrapper.matches(lines)
        unwrap(name, *lines)
        assert 0 <= unfinished(name, *lines) <= len(lines)


@pytest.fixture(params=[(1, 2), (2, 3), (PATIENCE, MOST_PARTS)])
def patience(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wrappers, 'PATIENCE', request.param[0])
        patch.setattr(wrappers, 'MOST_PARTS', request.param[1])
        yield


@pytest.mark.usefixtures('patience')
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PARTS, max_size=12), st.integers(0, 12))
def test_a_chunk_may_end_anywhere(lines: list[str], size: int) -> None:
    """Lines that are not complete are read again with the next chunk: the texts are those of one chunk."""
    held = lines[:size]
    texts = unwrap('cri', *held)[: len(held) - unfinished('cri', *held)]
    assert texts + unwrap('cri', *lines[len(texts) :]) == unwrap('cri', *lines)
    whole = ''.join(line.split(' ', 3)[3] for line in lines)
    assert sorted(''.join(filter(None, unwrap('cri', *lines)))) == sorted(whole)


@given(st.lists(st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\n\r'), min_size=1), max_size=8))
def test_a_line_comes_out_as_it_went_in(lines: list[str]) -> None:
    assert unwrap('docker-json', *(docker(f'{line}\n') for line in lines)) == lines
    assert unwrap('cri', *(cri('F', line) for line in lines)) == lines
    assert unwrap('journald-json', *(json.dumps({'MESSAGE': list(line.encode())}) for line in lines)) == lines
