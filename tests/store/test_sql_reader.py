"""Statements of readers: within limits, a few at a time, and ended when nobody waits for them."""

import threading
import time
from collections.abc import Iterator

import pytest

from exporter.errors import EngineError, NotAllowed
from exporter.store import reader
from exporter.store.clickhouse import ClickHouse
from exporter.store.reader import Answer, Question, Reader, allowed_settings

ENDLESS = 'SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 7'


def question(statement: str, output: str = 'TSV', revision: int = 0, **settings: str) -> Question:
    """A question; settings whose names begin with param_ are parameters."""
    parameters = {name.removeprefix('param_'): settings.pop(name) for name in [*settings] if name.startswith('param_')}
    return Question(statement, output, parameters, settings, revision)


@pytest.fixture
def reading(database: ClickHouse) -> Iterator[Reader]:
    with Reader(lambda: database) as reading:
        yield reading


def body(reading: Reader, asked: Question) -> bytes:
    answer = reading.answer(asked, bool)
    assert isinstance(answer, Answer)
    return answer.body


def test_a_statement_is_answered_in_its_own_format_or_in_that_of_the_client(reading: Reader) -> None:
    answer = reading.answer(question('SELECT 1 AS n FORMAT JSONEachRow;'), bool)
    assert answer is not None
    assert (answer.body, answer.format) == (b'{"n":1}\n', 'JSONEachRow')
    assert answer.seconds > 0
    assert body(reading, question('SELECT 1 AS n', 'CSVWithNames')) == b'"n"\n1\n'


def test_an_answer_without_rows_has_the_names_of_its_columns(reading: Reader) -> None:
    assert body(reading, question('SELECT path FROM calls', 'Native')) == b'\x01\x00\x04path\x06String'
    assert body(reading, question('SELECT path FROM calls', 'Native', 54_460)).endswith(b'\x01\x00\x04path\x06String\x00')


def test_what_is_not_allowed_or_fails_is_an_error(reading: Reader) -> None:
    with pytest.raises(NotAllowed):
        reading.answer(question('DROP TABLE calls'), bool)
    with pytest.raises(EngineError) as raised:
        reading.answer(question('SELECT nothing'), bool)
    assert raised.value.code == 47
    assert body(reading, question('SELECT 1')) == b'1\n'


def test_parameters_and_settings_of_one_question_do_not_reach_the_next(reading: Reader) -> None:
    for _ in range(2 * reader.AT_ONCE):
        zone = question('SELECT toString(toDateTime(0)), {n:UInt8}', session_timezone='Asia/Kathmandu', param_n='7')
        assert body(reading, zone) == b'1970-01-01 05:30:00\t7\n'
        assert body(reading, question('SELECT toString(toDateTime(0))')) == b'1970-01-01 00:00:00\n'
        with pytest.raises(EngineError):
            reading.answer(question('SELECT {n:UInt8}'), bool)


def test_a_limit_can_be_lowered_only(reading: Reader) -> None:
    statement = "SELECT name, value FROM system.settings WHERE name = 'max_result_rows'"
    for given, expected in (('7', 7), ('0', None), ('-1', None), ('x', None), ('9' * 18, None), ('9' * 40, None)):
        assert body(reading, question(statement, max_result_rows=given)) == (
            f'max_result_rows\t{expected or reader.MOST["max_result_rows"]}\n'.encode()
        )


def test_the_settings_of_a_client_are_checked() -> None:
    given = {'join_use_nulls': '1', 'max_execution_time': '5', 'max_threads': '64', 'readonly': '0'}
    assert allowed_settings(given) == {'join_use_nulls': '1', 'max_execution_time': '5'}
    for name in ('max_execution_speed', 'os_thread_priority', 'workload', 'allow_ddl', 'x' * 1_000):
        with pytest.raises(NotAllowed) as raised:
            allowed_settings({name: '1'})
        assert len(str(raised.value)) < 200


def test_a_statement_that_runs_long_is_slowed_down(database: ClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = {'max_execution_speed': 1_000_000, 'timeout_before_checking_execution_speed': 0}
    monkeypatch.setattr(reader, 'READING', {**reader.READING, **slow})
    with Reader(lambda: database) as reading:
        began = time.monotonic()
        body(reading, question('SELECT sum(sipHash64(number)) FROM numbers(2000000)'))
    assert time.monotonic() - began > 1.5


def test_a_statement_ends_when_its_client_has_left(reading: Reader) -> None:
    began = time.monotonic()
    assert reading.answer(question(ENDLESS), lambda: time.monotonic() - began > 0.5) is None
    assert time.monotonic() - began < 10
    assert body(reading, question('SELECT 1')) == b'1\n'


def test_a_statement_that_waits_is_taken_back_when_its_client_has_left(reading: Reader) -> None:
    left = threading.Event()
    running = [threading.Thread(target=reading.answer, args=(question(ENDLESS), left.is_set)) for _ in range(reader.AT_ONCE)]
    for thread in running:
        thread.start()
    time.sleep(0.5)
    began = time.monotonic()
    assert reading.answer(question('SELECT 1'), lambda: True) is None
    assert time.monotonic() - began < 2
    left.set()
    for thread in running:
        thread.join(20)
        assert not thread.is_alive()


def test_too_many_statements_are_refused_at_once(reading: Reader) -> None:
    left = threading.Event()
    waiting = [threading.Thread(target=reading.answer, args=(question(ENDLESS), left.is_set)) for _ in range(reader.ADMITTED)]
    for thread in waiting:
        thread.start()
    time.sleep(0.5)
    with pytest.raises(EngineError, match='Too many simultaneous queries') as raised:
        reading.answer(question('SELECT 1'), bool)
    assert raised.value.code == reader.TOO_MANY
    left.set()
    for thread in waiting:
        thread.join(20)
        assert not thread.is_alive()
    assert body(reading, question('SELECT 1')) == b'1\n'


def test_stopping_ends_what_runs_and_waits_and_takes_no_more(database: ClickHouse) -> None:
    codes = list[int | None]()

    def ask() -> None:
        with pytest.raises(EngineError) as raised:
            ending.answer(question(ENDLESS), bool)
        codes.append(raised.value.code)

    with Reader(lambda: database.another()) as ending:
        asking = [threading.Thread(target=ask) for _ in range(reader.AT_ONCE + 2)]
        for thread in asking:
            thread.start()
        time.sleep(0.5)
        ending.stop()
        for thread in asking:
            thread.join(20)
        assert codes == [reader.CANCELLED] * len(asking)
        with pytest.raises(EngineError, match='the server is stopping'):
            ending.answer(question('SELECT 1'), bool)
