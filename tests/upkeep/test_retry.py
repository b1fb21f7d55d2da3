"""Rejects that can be counted after a fix are stored once, whatever cuts a retry off, and are no rejects any more."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from access_logs import DOMAIN, asked, assert_rollups_agree, imported, line, paths, run, summary
from serving import CALL, OTHER, Serving, answer, stored
from test_forget import answers, cut_off  # noqa: F401  # a fixture

from exporter.commands.context import Context
from exporter.errors import EngineError
from exporter.ingest.formats import Lines
from exporter.model.batch import Batch
from exporter.model.reject import Reject
from exporter.model.tally import Tally
from exporter.server.tokens import Scope
from exporter.store.clickhouse import ClickHouse
from exporter.store.ledger import Ledger
from exporter.store.rejects import RejectStore
from exporter.upkeep import retry as module
from exporter.upkeep.retry import RetrySummary, of_access_log, of_calls, retry

pytestmark = pytest.mark.slow
CutOff = Callable[[int, Callable[[], object]], bool]
BROKEN = [3, 3, 7, 8]  # lines that had no status; the first two read the same


@pytest.fixture
def rejected(settings: pytest.MonkeyPatch, database: ClickHouse, tmp_path: Path) -> RejectStore:
    """An import of which some lines are spoiled, one of them for good. Then what spoiled the others is mended."""
    lines = [line(number) for number in range(10)]
    lines += [line(number, status='2x0') for number in BROKEN] + ['no line', '\xff"\\ \u00e9 nor this']
    (tmp_path / 'access.log').write_text('\r\n'.join([*lines, '']), encoding='latin-1')
    assert imported('access.log') == summary(stored=10, status=4, format=2)
    mend(tmp_path)
    return RejectStore(tmp_path / 'data')


def mend(data: Path) -> None:
    """As a newer program would: it reads these rejects as if the lines had their status."""
    for path in (data / 'data' / 'rejected').glob('*.jsonl'):
        path.write_text(path.read_text().replace('2x0', '200'))


def retried(*arguments: str) -> dict[str, Any]:
    result = run('rejected', 'retry', '--format', 'json', *arguments)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def of(stored: int = 0, skipped: dict[str, int] | None = None, waiting: int = 0, **rejected: int) -> dict[str, Any]:
    skips = {'skipped': sum((skipped or {}).values()), 'skipped_by_reason': skipped or {}}
    return {'stored': stored, **skips, 'waiting': waiting, 'rejected': rejected}


def test_what_can_be_counted_now_is_counted_once(rejected: RejectStore, database: ClickHouse) -> None:
    assert retried() == of(stored=4, format=2)
    assert paths(database) == asked([*range(10), *BROKEN])
    assert_rollups_agree(database)
    assert [reject.text for reject in rejected] == ['no line', '\udcff"\\ \udce9 nor this']
    assert retried() == of(format=2)
    assert imported('access.log') == summary(already=10, status=4, format=2)
    assert paths(database) == asked([*range(10), *BROKEN])


def test_what_is_no_api_call_by_new_settings_is_no_reject_any_more(
    rejected: RejectStore, database: ClickHouse, settings: pytest.MonkeyPatch
) -> None:
    settings.setenv('USAGE_PATHS', '/api/7')
    assert retried() == of(stored=1, skipped={'path': 3}, format=2)
    assert paths(database) == asked([*range(10), 7])
    assert len(list(rejected)) == 2


def test_rejects_of_another_portal_wait_for_theirs(rejected: RejectStore, database: ClickHouse) -> None:
    assert retried('--domain', 'other.example.org') == of()
    assert len(list(rejected)) == 6
    assert retried('--domain', DOMAIN) == of(stored=4, format=2)


def test_a_log_format_can_be_said(rejected: RejectStore) -> None:
    assert retried('--log-format', 'combined') == of(stored=4, format=2)


def test_the_command_tells_people_too(rejected: RejectStore) -> None:
    assert run('rejected', 'retry').output == 'stored 4 calls; 0 are skipped; 2 stay rejected\n  2 format\n'


def test_each_fix_has_a_batch_of_its_own(rejected: RejectStore, database: ClickHouse, tmp_path: Path) -> None:
    retried()
    for path in rejected.directory.glob('*.jsonl'):
        path.write_text(path.read_text().replace('"no line"', json.dumps(line(20))))
    assert retried() == of(stored=1, format=1)
    assert paths(database) == asked([*range(10), *BROKEN, 20])
    assert_rollups_agree(database)
    rows = database.query(
        "SELECT log, source, origin, stored FROM batches WHERE state = 'done' AND source = 'retry' ORDER BY log"
    )
    assert [(row['log'].partition(' of ')[0], row['origin'], row['stored']) for row in rows] == [
        ('retry 1', 'access.log', 4),
        ('retry 2', 'access.log', 1),
    ]


def test_a_retry_that_was_cut_off_anywhere_is_finished_by_the_next(
    rejected: RejectStore,
    database: ClickHouse,
    tmp_path: Path,
    cut_off: CutOff,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the engine: before the ledger's row, the calls, the other row; on the disk: before each file is written or removed."""
    clean = paths(database)

    def begin_again() -> None:
        run('forget', '--domain', DOMAIN, '--yes')
        imported('access.log')
        mend(tmp_path)
        assert paths(database) == clean

    for done in range(4):
        ended = cut_off(done, retried_or_raise)
        assert ended == (done == 3)
        retried()
        assert paths(database) == asked([*range(10), *BROKEN]), done
        assert_rollups_agree(database)
        assert [reject.text for reject in rejected] == ['no line', '\udcff"\\ \udce9 nor this']
        assert sorted(path.suffix for path in rejected.directory.iterdir()) == ['.jsonl']
        begin_again()
    for cut in ('write', 'replace', 'unlink', 'sync'):
        with monkeypatch.context() as patch:
            target = {'write': module, 'replace': RejectStore, 'unlink': Path, 'sync': module}[cut]
            patch.setattr(target, cut, failing)
            with pytest.raises(OSError, match='killed'):
                retried_or_raise()
        retried()
        assert paths(database) == asked([*range(10), *BROKEN]), cut
        assert_rollups_agree(database)
        assert len(list(rejected)) == 2
        begin_again()


def failing(*arguments: object, **named: object) -> None:
    raise OSError('killed')


def retried_or_raise() -> RetrySummary:
    """A retry in this process that raises what cuts it off."""
    context = Context(None)
    with context.database() as database:
        return retry(context.rejected, database, context.enrichment, {'': of_access_log('auto')})


def test_settings_that_change_while_a_retry_is_unfinished_change_nothing(
    rejected: RejectStore,
    database: ClickHouse,
    settings: pytest.MonkeyPatch,
    cut_off: CutOff,  # noqa: F811
) -> None:
    cut_off(2, retried_or_raise)
    settings.setenv('USAGE_PATHS', '/nothing')
    settings.setenv('USAGE_TIMEZONE', 'Asia/Kathmandu')
    assert retried() == of(stored=4, format=2)
    assert paths(database) == asked([*range(10), *BROKEN])
    assert database.query('SELECT DISTINCT timezone FROM calls') == [{'timezone': 'UTC'}]


def test_rejects_of_a_batch_that_is_not_stored_wait_for_it(
    rejected: RejectStore,
    database: ClickHouse,
    tmp_path: Path,
    cut_off: CutOff,  # noqa: F811
) -> None:
    retried()
    with (tmp_path / 'access.log').open('a') as file:
        file.write(line(30, status='x') + '\n')
    cut_off(1, lambda: run('import', 'access.log', '--domain', DOMAIN))
    mend(tmp_path)
    assert retried() == of(waiting=1, format=2)
    assert 'an import that was cut off' in run('rejected', 'retry').stderr
    assert imported('access.log')['rejected'] == {'status': 5, 'format': 2}
    assert retried() == of(status=1, format=2)


def test_a_retry_is_taken_back_with_its_log(rejected: RejectStore, database: ClickHouse, tmp_path: Path) -> None:
    retried()
    assert run('forget', '--file', 'access.log', '--domain', DOMAIN, '--yes').stdout.startswith('took away 14 calls')
    assert answers(database) == [[], [], [], []]
    assert list(rejected) == []
    assert imported('access.log') == summary(stored=10, status=4, format=2)
    mend(tmp_path)
    assert retried() == of(stored=4, format=2)
    assert paths(database) == asked([*range(10), *BROKEN])
    assert_rollups_agree(database)


def test_another_kind_of_input_is_read_by_its_own_parser(settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    context, asked_of_it = Context(None), list[str]()
    batch = Batch(DOMAIN, 'collector', 'collector-1', 5, 6)
    ledger = Ledger(database, 'key', None)
    ledger.begin(batch)
    ledger.done(batch, Tally(0, {}, {'timestamp': 2}), None, None)
    context.rejected.keep(batch.id, [Reject('timestamp', DOMAIN, 'collector', 0, text) for text in ('{"a": 1}', '{\n}')])

    def parser(rejects: Sequence[Reject]) -> Lines:
        asked_of_it.extend(one.text for one in rejects)
        parsed = of_access_log('auto')([replace(rejects[0], text=line(1))])
        return Lines(parsed.calls, pl.DataFrame({'line': [1], 'reason': ['timestamp']}, {'line': pl.UInt32, 'reason': pl.String}))

    found = retry(context.rejected, database, context.enrichment, {'': of_access_log('auto'), 'collector': parser})
    assert (found.stored, found.rejected) == (1, {'timestamp': 1})
    assert asked_of_it == ['{"a": 1}', '{\n}']
    assert [reject.text for reject in context.rejected] == ['{\n}']


def test_calls_that_came_over_http_are_counted_after_a_fix(web: Serving, database: ClickHouse) -> None:
    spoiled = [CALL | {'domain': domain, 'status': 2000, 'path': f'/{domain}'} for domain in (DOMAIN, OTHER, OTHER)]
    no_portal = {name: value for name, value in CALL.items() if name != 'domain'}
    assert answer(web.post([CALL, *spoiled, CALL | {'status': 1}, no_portal])) == (1, 0, 5)
    assert stored(web, database) == 1
    for path in web.rejected.directory.glob('*.jsonl'):
        path.write_text(path.read_text().replace('2000', '200'))
    parsers = {'': of_access_log('auto'), 'collector': of_calls}
    found = retry(web.rejected, database, web.intake.enrichment, parsers)
    assert (found.stored, found.skipped, found.rejected) == (3, {}, {'status': 1, 'missing_field': 1})
    assert paths(database) == ['/api/trees', f'/{DOMAIN}']
    assert paths(database, OTHER) == [f'/{OTHER}'] * 2
    assert retry(web.rejected, database, web.intake.enrichment, parsers).stored == 0
    assert sorted(reject.reason for reject in web.rejected) == ['missing_field', 'status']


def test_a_call_that_came_without_its_portal_is_of_that_of_its_token(web: Serving, database: ClickHouse) -> None:
    no_portal = {name: value for name, value in CALL.items() if name != 'domain'}
    token = web.token(Scope.WRITE, domain=DOMAIN)
    answer(web.post([CALL, no_portal | {'status': 2000}, CALL | {'domain': OTHER}], token))
    assert stored(web, database) == 1
    for path in web.rejected.directory.glob('*.jsonl'):
        path.write_text(path.read_text().replace('2000', '200'))
    found = retry(web.rejected, database, web.intake.enrichment, {'': of_access_log('auto'), 'collector': of_calls})
    assert (found.stored, found.rejected) == (1, {'forbidden': 1})
    assert paths(database) == ['/api/trees'] * 2


def test_a_failure_of_the_engine_is_said_and_nothing_is_lost(
    rejected: RejectStore,
    cut_off: CutOff,  # noqa: F811
) -> None:
    def in_the_command() -> None:
        result = run('rejected', 'retry')
        assert (result.exit_code, result.stderr) == (1, 'error: cut off\n')
        raise EngineError(result.stderr)

    assert not cut_off(1, in_the_command)
    assert len(list(rejected)) == 6
