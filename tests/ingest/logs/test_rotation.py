"""Names of rotated logs and of other logs, and former targets of links."""

from pathlib import Path

import pytest

from exporter.ingest.logs.rotation import Listing, link_chain, rotated, targets_between

ROTATED = (
    'access.log.1', 'access.log.12', 'access.log-20261102', 'access.log-2026110215', 'access.log.2026-11-02',
    'access.log.2026-11-02_15-04', 'access.log-2026-11-02T15:04:05Z', 'access.log.1762128000', 'access.log-20261102.1',
    'access.log.old', 'access-20261102.log', 'access-2026-11-02.log', 'access_2026_11_02.log', 'access.2026-11-02.0.log',
    'access-202611.log', 'access-2026-45.log', 'access-03112026.log', 'access-1762128000.log',
    'access-2026-11-02T15-04-05.000.log', 'access.0.log', 'access.1.log', 'access.12.log',
)  # fmt: skip
OTHERS = (
    'access-admin.log', 'access.error.log', 'access-8080.log', 'access.443.log', 'access-2.log', 'access2.log',
    'access_ssl.log', 'access-192.0.2.10.log', 'access.log.png', 'access.log.admin', 'access.log.1.tmp', 'access-v2.log',
    'access.json', 'my-access.log', 'access.log.d', 'access-20261102-admin.log', 'access.logs', 'access-20261102',
)  # fmt: skip


@pytest.mark.parametrize('compressed', ['', '.gz', '.bz2', '.xz', '.zst'])
def test_names_of_rotated_logs(compressed: str) -> None:
    fits = rotated('access.log')
    assert [name for name in ROTATED if not fits.fullmatch(name + compressed)] == []
    assert [name for name in OTHERS if fits.fullmatch(name + compressed)] == []


def test_names_without_an_extension_and_with_special_characters() -> None:
    assert rotated('access_log').fullmatch('access_log-20261102.gz')
    assert not rotated('access_log').fullmatch('access-20261102_log')
    assert rotated('access[1].log').fullmatch('access[1].log.1')
    assert rotated('0.log').fullmatch('0.log.20261102-150405.gz')
    assert not rotated('0.log').fullmatch('1.log')


def test_listing_excludes_the_log_and_other_prefixes(tmp_path: Path) -> None:
    for name in ('access.log', 'access.log.1', 'access-20261102.log', 'access-admin.log', 'zzz.log', 'acc'):
        (tmp_path / name).touch()
    names = [path.name for path in Listing().beside(tmp_path / 'access.log')]
    assert names == ['access-20261102.log', 'access.log.1']
    assert list(Listing().beside(tmp_path / 'nowhere' / 'access.log')) == []


def test_link_chain_ends_in_a_cycle(tmp_path: Path) -> None:
    first, second, log = (tmp_path / name for name in ('first', 'second', 'access.log'))
    first.symlink_to('second')
    second.symlink_to(log)
    assert list(link_chain(first)) == [first, second, log]
    log.symlink_to(first)
    assert len(list(link_chain(first))) == 40


def test_link_targets_between_two_paths(tmp_path: Path) -> None:
    for day in ('10/31', '11/01', '11/02', '11/03', '11/x'):
        (tmp_path / day).mkdir(parents=True)
        (tmp_path / day / 'access.log').touch()
    paths = {day: str(tmp_path / day / 'access.log') for day in ('10/31', '11/01', '11/02', '11/03')}
    assert targets_between(paths['10/31'], paths['11/03']) == [paths['11/01'], paths['11/02']]
    assert targets_between(paths['11/01'], paths['11/02']) == []
    assert targets_between(paths['11/03'], paths['11/01']) == []
    assert targets_between(paths['11/03'], str(tmp_path / 'other.log')) == []
