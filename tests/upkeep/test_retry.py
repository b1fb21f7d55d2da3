"""Rejects that parse after a fix are stored once and leave the reject list, even if a retry is interrupted."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from access_logs import DOMAIN, asked, assert_rollups_agree, imported, line, paths, run, summary
from serving import CALL, OTHER, Serving, answer, stored
from test_forget import answers, interrupt  # noqa: F401  # a fixture

from exporter.commands.context import Context
from exporter.errors import EngineError
from exporter.ingest.formats import Lines
from exporter.ingest.formats.reader import LogReader
from exporter.model.batch import Batch
from exporter.model.counting_rules import VERSION
from exporter.model.reject import Reject
from exporter.model.tally import Tally
from exporter.server.tokens import Scope
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.upkeep import retry as module
from exporter.upkeep.retry import RetrySummary, of_access_log, of_calls, retry

pytestmark = pytest.mark.slow
Interrupt = Callable[[int, Callable[[], object]], bool]
BROKEN = [3, 3, 7, 8]  # lines without a valid status; the first two are equal


@pytest.fixture
def rejected(settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path) -> RejectStore:
    """The rejects of an import, most of which parse after a fix."""
    lines = [line(number) for number in range(10)]
    lines += [line(number, status='2x0') for number in BROKEN] + ['no line', '\xff"\\ \u00e9 nor this']
    (tmp_path / 'access.log').write_text('\r\n'.join([*lines, '']), encoding='latin-1')
    assert imported('access.log') == summary(stored=10, status=4, format=2)
    fix(tmp_path)
    return RejectStore(tmp_path / 'data')


def fix(data: Path) -> None:
    """Stands for a newer program: the rejected lines get a valid status."""
    for path in (data / 'data' / 'rejected').glob('*.jsonl'):
        path.write_text(path.read_text().replace('2x0', '200'))


def retried(*arguments: str) -> dict[str, Any]:
    result = run('rejected', 'retry', '--format', 'json', *arguments)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def of(stored: int = 0, skipped: dict[str, int] | None = None, waiting: int = 0, **rejected: int) -> dict[str, Any]:
    skips = {'skipped': sum((skipped or {}).values()), 'skipped_by_reason': skipped or {}}
    return {'stored': stored, **skips, 'waiting': waiting, 'rejected': rejected}


def test_rejects_that_now_parse_are_stored_once(rejected: RejectStore, database: ClickHouse) -> None:
    assert retried() == of(stored=4, format=2)
    assert paths(database) == asked([*range(10), *BROKEN])
    assert_rollups_agree(database)
    assert [reject.text for reject in rejected] == ['no line', '\udcff"\\ \udce9 nor this']
    assert retried() == of(format=2)
    assert imported('access.log') == summary(already=10, status=4, format=2)
    assert paths(database) == asked([*range(10), *BROKEN])


def test_rejects_that_new_settings_skip_leave_the_list(
    rejected: RejectStore, database: ClickHouse, settings: pytest.MonkeyPatch
) -> None:
    settings.setenv('USAGE_PATHS', '/api/7')
    assert retried() == of(stored=1, skipped={'path': 3}, format=2)
    assert paths(database) == asked([*range(10), 7])
    assert len(list(rejected)) == 2


def test_a_retry_of_one_portal_leaves_the_others(rejected: RejectStore, database: ClickHouse) -> None:
    assert retried('--domain', 'other.example.org') == of()
    assert len(list(rejected)) == 6
    assert retried('--domain', DOMAIN) == of(stored=4, format=2)


def test_the_log_format_is_an_option(rejected: RejectStore) -> None:
    assert retried('--log-format', 'combined') == of(stored=4, format=2)


def test_the_command_prints_a_summary(rejected: RejectStore) -> None:
    assert run('rejected', 'retry').output == 'stored 4 calls; 0 are skipped; 2 stay rejected\n  2 format\n'


def test_each_fix_has_a_batch_of_its_own(rejected: RejectStore, database: ClickHouse, tmp_path: Path) -> None:
    retried()
    for path in rejected.directory.glob('*.jsonl'):
        path.write_text(path.read_text().replace('"no line"', json.dumps(line(20))))
    assert retried() == of(stored=1, format=1)
    assert paths(database) == asked([*range(10), *BROKEN, 20])
    assert_rollups_agree(database)
    rows = database.query(
        "SELECT log, source, origin, stored, rules FROM batches WHERE state = 'done' AND source = 'retry' ORDER BY log"
    )
    assert [(row['log'].partition(' of ')[0], row['origin'], row['stored'], row['rules']) for row in rows] == [
        ('retry 1', 'access.log', 4, VERSION),
        ('retry 2', 'access.log', 1, VERSION),
    ]


def test_an_interrupted_retry_is_finished_by_the_next(
    rejected: RejectStore,
    database: ClickHouse,
    tmp_path: Path,
    interrupt: Interrupt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the engine: before the ledger's row, the calls, the other row; on the disk: before each file is written or removed."""
    before = paths(database)

    def reset() -> None:
        run('forget', '--domain', DOMAIN, '--yes')
        imported('access.log')
        fix(tmp_path)
        assert paths(database) == before

    for done in range(4):
        ended = interrupt(done, retried_or_raise)
        assert ended == (done == 3)
        retried()
        assert paths(database) == asked([*range(10), *BROKEN]), done
        assert_rollups_agree(database)
        assert [reject.text for reject in rejected] == ['no line', '\udcff"\\ \udce9 nor this']
        assert sorted(path.suffix for path in rejected.directory.iterdir()) == ['.jsonl']
        reset()
    for function in ('write', 'replace', 'unlink', 'sync'):
        with monkeypatch.context() as patch:
            target = {'write': module, 'replace': RejectStore, 'unlink': Path, 'sync': module}[function]
            patch.setattr(target, function, failing)
            with pytest.raises(OSError, match='killed'):
                retried_or_raise()
        retried()
        assert paths(database) == asked([*range(10), *BROKEN]), function
        assert_rollups_agree(database)
        assert len(list(rejected)) == 2
        reset()


def failing(*arguments: object, **named: object) -> None:
    raise OSError('killed')


def retried_or_raise() -> RetrySummary:
    """A retry in this process, which raises the error that interrupts it."""
    context = Context(None)
    with context.database() as database:
        return retry(context.rejected, database, context.enrichment, {'': of_access_log(lambda _: LogReader())})


def test_settings_that_change_while_a_retry_is_unfinished_change_nothing(
    rejected: RejectStore,
    database: ClickHouse,
    settings: pytest.MonkeyPatch,
    interrupt: Interrupt,
) -> None:
    interrupt(2, retried_or_raise)
    settings.setenv('USAGE_PATHS', '/nothing')
    settings.setenv('USAGE_TIMEZONE', 'Asia/Kathmandu')
    assert retried() == of(stored=4, format=2)
    assert paths(database) == asked([*range(10), *BROKEN])
    assert database.query('SELECT DISTINCT timezone FROM calls') == [{'timezone': 'UTC'}]


def test_rejects_of_an_unfinished_batch_wait(
    rejected: RejectStore,
    database: ClickHouse,
    tmp_path: Path,
    interrupt: Interrupt,
) -> None:
    retried()
    with (tmp_path / 'access.log').open('a') as file:
        file.write(line(30, status='x') + '\n')
    interrupt(1, lambda: run('import', 'access.log', '--domain', DOMAIN))
    fix(tmp_path)
    assert retried() == of(waiting=1, format=2)
    assert 'belong to an interrupted import' in run('rejected', 'retry').stderr
    assert imported('access.log')['rejected'] == {'status': 5, 'format': 2}
    assert retried() == of(status=1, format=2)


def test_a_retry_is_forgotten_with_its_log(rejected: RejectStore, database: ClickHouse, tmp_path: Path) -> None:
    retried()
    assert run('forget', '--file', 'access.log', '--domain', DOMAIN, '--yes').stdout.startswith('deleted 14 calls')
    assert answers(database) == [[], [], [], []]
    assert list(rejected) == []
    assert imported('access.log') == summary(stored=10, status=4, format=2)
    fix(tmp_path)
    assert retried() == of(stored=4, format=2)
    assert paths(database) == asked([*range(10), *BROKEN])
    assert_rollups_agree(database)


def test_rejects_are_read_in_the_format_of_their_batch(
    settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path
) -> None:
    """The line `#Fields:`, without which they cannot be read, is not among them."""
    file, rejected = tmp_path / 'u_ex.log', Context(None).rejected
    fields = '#Fields: date time c-ip cs-method cs-uri-stem sc-status'
    file.write_text(f'{fields}\n2025-05-17 10:05:03 192.0.2.1 GET /a 200\n2025-05-17 10:05:04 192.0.2.1 GET /b 2x0\n')
    assert imported(file)['rejected'] == {'status': 1}
    [kept] = list(rejected.batches())
    rejected.replace(kept, [replace(kept.rejects[0], text=kept.rejects[0].text.replace('2x0', '201'))])
    assert retried()['stored'] == 1
    assert paths(database) == ['/a', '/b']


def test_rejects_keep_the_account_of_a_logged_header(settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path) -> None:
    settings.setenv('USAGE_ACCOUNTS', 'field:X-User')
    settings.setenv('USAGE_LOG_FORMAT', '%h %t "%r" %>s %b "%{X-User}i"')
    file, rejected = tmp_path / 'access.log', Context(None).rejected
    lines = '192.0.2.1 [17/May/2025:10:05:03 +0000] "GET /{} HTTP/1.1" {} 5 "bob"\n'
    file.write_text(lines.format('a', '2x0') + lines.format('b', '200'))
    assert imported(file)['rejected'] == {'status': 1}
    [kept] = list(rejected.batches())
    rejected.replace(kept, [replace(kept.rejects[0], text=kept.rejects[0].text.replace('2x0', '201'))])
    assert retried()['stored'] == 1
    assert database.query('SELECT path, user_id FROM calls ORDER BY path') == [
        {'path': '/a', 'user_id': 'bob'},
        {'path': '/b', 'user_id': 'bob'},
    ]


def test_each_origin_has_its_own_parser(settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    context, parsed_texts = Context(None), list[str]()
    batch = Batch(DOMAIN, 'collector', 'collector-1', 5, 6)
    ledger = Ledger(database, 'key', None)
    ledger.begin(batch)
    ledger.done(batch, Tally(0, {}, {'timestamp': 2}), None, None)
    context.rejected.keep(batch.id, [Reject('timestamp', DOMAIN, 'collector', 0, text) for text in ('{"a": 1}', '{\n}')])

    def parser(rejects: Sequence[Reject], log_format: str) -> Lines:
        parsed_texts.extend(reject.text for reject in rejects)
        parsed = of_access_log(lambda _: LogReader())([replace(rejects[0], text=line(1))], log_format)
        return Lines(parsed.calls, pl.DataFrame({'line': [1], 'reason': ['timestamp']}, {'line': pl.UInt32, 'reason': pl.String}))

    result = retry(
        context.rejected, database, context.enrichment, {'': of_access_log(lambda _: LogReader()), 'collector': parser}
    )
    assert (result.stored, result.rejected) == (1, {'timestamp': 1})
    assert parsed_texts == ['{"a": 1}', '{\n}']
    assert [reject.text for reject in context.rejected] == ['{\n}']


def test_calls_sent_over_http_are_stored_after_a_fix(web: Serving, database: ClickHouse) -> None:
    invalid = [CALL | {'domain': domain, 'status': 2000, 'path': f'/{domain}'} for domain in (DOMAIN, OTHER, OTHER)]
    without_domain = {name: value for name, value in CALL.items() if name != 'domain'}
    assert answer(web.post([CALL, *invalid, CALL | {'status': 1}, without_domain])) == (1, 0, 5)
    assert stored(web, database) == 1
    for path in web.rejected.directory.glob('*.jsonl'):
        path.write_text(path.read_text().replace('2000', '200'))
    parsers = {'': of_access_log(lambda _: LogReader()), 'collector': of_calls}
    result = retry(web.rejected, database, web.intake.enrichment, parsers)
    assert (result.stored, result.skipped, result.rejected) == (3, {}, {'status': 1, 'missing_field': 1})
    assert paths(database) == ['/api/trees', f'/{DOMAIN}']
    assert paths(database, OTHER) == [f'/{OTHER}'] * 2
    assert retry(web.rejected, database, web.intake.enrichment, parsers).stored == 0
    assert sorted(reject.reason for reject in web.rejected) == ['missing_field', 'status']


def test_a_call_without_a_domain_belongs_to_the_portal_of_its_token(web: Serving, database: ClickHouse) -> None:
    without_domain = {name: value for name, value in CALL.items() if name != 'domain'}
    token = web.token(Scope.WRITE, domain=DOMAIN)
    answer(web.post([CALL, without_domain | {'status': 2000}, CALL | {'domain': OTHER}], token))
    assert stored(web, database) == 1
    for path in web.rejected.directory.glob('*.jsonl'):
        path.write_text(path.read_text().replace('2000', '200'))
    result = retry(
        web.rejected, database, web.intake.enrichment, {'': of_access_log(lambda _: LogReader()), 'collector': of_calls}
    )
    assert (result.stored, result.rejected) == (1, {'forbidden': 1})
    assert paths(database) == ['/api/trees'] * 2


def test_an_engine_error_is_printed_and_nothing_is_lost(
    rejected: RejectStore,
    interrupt: Interrupt,
) -> None:
    def run_retry() -> None:
        result = run('rejected', 'retry')
        assert (result.exit_code, result.stderr) == (1, 'error: interrupted\n')
        raise EngineError(result.stderr)

    assert not interrupt(1, run_retry)
    assert len(list(rejected)) == 6
