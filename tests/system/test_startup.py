"""Start-up imports only the modules that the program uses, and gives back memory that it needs no more."""

import subprocess
import sys

import pytest

from exporter.system.startup import without_module


def modules_after(code: str) -> set[str]:
    """The modules that a new process has imported after running `code`."""
    process = subprocess.run([sys.executable, '-c', f'{code}\nimport sys; print(*sys.modules)'], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return set(process.stdout.split())


def test_only_a_page_loads_the_templates() -> None:
    assert not {'jinja2', 'flask'} & modules_after('import exporter.commands.report')
    assert 'jinja2' in modules_after('import exporter.page.render')


def test_a_module_is_hidden_only_within_the_block() -> None:
    assert 'colorsys' not in modules_after('from exporter.system import startup')
    code = """
from exporter.system.startup import without_module
with without_module('colorsys'):
    try:
        import colorsys
    except ImportError:
        print('none')
"""
    assert 'colorsys' not in modules_after(code)
    assert 'colorsys' in modules_after(f'{code}\nimport colorsys')


def test_another_thread_can_import_it() -> None:
    code = """
from threading import Thread
from exporter.system.startup import without_module
with without_module('colorsys'):
    other = Thread(target=__import__, args=['colorsys'])
    other.start()
    other.join()
"""
    assert 'colorsys' in modules_after(code)


def test_an_error_within_the_block_removes_the_finder() -> None:
    before = list(sys.meta_path)
    with pytest.raises(KeyError), without_module('colorsys'):
        raise KeyError
    assert sys.meta_path == before


def test_a_delayed_module_loads_when_it_is_used() -> None:
    code = """
import email
from exporter.system.startup import load_when_used
load_when_used(email, 'generator')
from email import generator
"""
    assert 'copy' not in modules_after(code)  # email.generator imports it
    assert 'copy' in modules_after(f'{code}\ngenerator.Generator')


@pytest.mark.parametrize('module', ['pyarrow', 'numpy', 'pandas', 'flask'])
def test_a_query_does_not_import(module: str, tmp_path: object) -> None:
    code = f"""
from exporter.store.clickhouse import connect
database = connect('chdb://{tmp_path}')
assert database.query('SELECT 1 AS one') == [{{'one': 1}}]
database.close()
"""
    assert module not in modules_after(code)


def test_a_library_works_after_its_code_was_released(tmp_path: object) -> None:
    """Also while other threads run the code."""
    code = f"""
import re
from pathlib import Path
from threading import Thread
from exporter.store.clickhouse import connect
from exporter.system.startup import release_code

def mapped():
    return int(re.search('RssFile: *(\\d+) kB', Path('/proc/self/status').read_text().replace(chr(9), ' '))[1])

def ask(database, answers):
    for _ in range(20):
        rows = database.query('SELECT uniqExact(number % 1000) AS n, sum(cityHash64(number)) AS hash FROM numbers(10000)')
        answers.append(rows[0])

database, answers = connect('chdb://{tmp_path}'), []
ask(database, answers)
before = mapped()
release_code('_chdb')
assert mapped() < before - 20_000, (before, mapped())
others = [database.another() for _ in range(2)]
threads = [Thread(target=ask, args=(other, answers)) for other in others]
for thread in threads:
    thread.start()
while any(thread.is_alive() for thread in threads):
    release_code('_chdb')
assert len(answers) == 60 and all(answer == answers[0] for answer in answers), answers
release_code('no such library')
for each in (*others, database):
    each.close()
"""
    modules_after(code)
