"""Libraries are loaded without what they bring along: it is not there where it was never asked for, and there where it is."""

import subprocess
import sys

import pytest

from exporter.system.startup import not_found


def loaded(code: str) -> set[str]:
    """The modules that a new process has loaded after some code."""
    done = subprocess.run([sys.executable, '-c', f'{code}\nimport sys; print(*sys.modules)'], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_a_module_is_not_found_within_only() -> None:
    assert 'colorsys' not in loaded('from exporter.system import startup')
    code = """
from exporter.system.startup import not_found
with not_found('colorsys'):
    try:
        import colorsys
    except ImportError:
        print('none')
"""
    assert 'colorsys' not in loaded(code)
    assert 'colorsys' in loaded(f'{code}\nimport colorsys')


def test_another_thread_finds_it() -> None:
    code = """
from threading import Thread
from exporter.system.startup import not_found
with not_found('colorsys'):
    other = Thread(target=__import__, args=['colorsys'])
    other.start()
    other.join()
"""
    assert 'colorsys' in loaded(code)


def test_what_fails_within_leaves_nothing_behind() -> None:
    before = list(sys.meta_path)
    with pytest.raises(KeyError), not_found('colorsys'):
        raise KeyError
    assert sys.meta_path == before


def test_a_module_loads_when_it_is_used() -> None:
    code = """
import email
from exporter.system.startup import load_when_used
load_when_used(email, 'generator')
from email import generator
"""
    assert 'copy' not in loaded(code)  # one that email.generator loads
    assert 'copy' in loaded(f'{code}\ngenerator.Generator')


@pytest.mark.parametrize('module', ['pyarrow', 'numpy', 'pandas', 'flask'])
def test_who_asks_the_engine_does_not_wait_for(module: str, tmp_path: object) -> None:
    code = f"""
from exporter.store.clickhouse import connect
database = connect('chdb://{tmp_path}')
assert database.query('SELECT 1 AS one') == [{{'one': 1}}]
database.close()
"""
    assert module not in loaded(code)
