"""Addresses of databases."""

import pytest

from exporter.store.url import address


@pytest.mark.parametrize(
    'path', ['/var/lib/usage', '//var/lib/usage', '/var//lib/./usage/', '/var/lib/other/../usage', '/var/lib/us%61ge']
)
def test_a_directory_has_one_name(path: str) -> None:
    """The engine refuses a second connection under another name."""
    assert (str(address(f'chdb://{path}').embedded), address(f'chdb://{path}').shown) == (
        '/var/lib/usage',
        'chdb:///var/lib/usage',
    )
