"""A log with proxies in the place of callers is detected; one with few calls or many callers is not."""

import polars as pl
import pytest

from exporter.enrich.caller_sample import REMEDY, SAMPLE, CallerSample


def warning(*addresses: str, parts: int = 4) -> str:
    """The warning for these addresses, which come in several parts with dictionaries of their own."""
    sample = CallerSample()
    size = -(-len(addresses) // parts) or 1
    for begin in range(0, len(addresses), size):
        part = pl.Series(addresses[begin : begin + size])
        sample.add(part if begin else part.cast(pl.Categorical(pl.Categories.random())))
    text = sample.warning()
    assert not (text and sample.warning()), 'a warning is given once'
    return text


def public(number: int) -> list[str]:
    return [f'198.51.{n // 250}.{n % 250}' for n in range(number)]


def test_a_few_addresses_are_reported() -> None:
    few = f'nearly all of 1,000 calls come from at most 3 addresses; {REMEDY}'
    assert warning(*['203.0.113.5'] * 1_000) == few
    assert warning(*['203.0.113.5', '203.0.113.6', '2001:db8::1'] * 317, *public(49)) == few
    assert warning(*[''] * 1_000) == few


@pytest.mark.parametrize('network', ['10.0.0.{}', 'fd00::{}', '127.0.0.{}', '::ffff:192.168.0.{}'])
def test_private_addresses_are_reported(network: str) -> None:
    private = [network.format(n % 100) for n in range(950)]
    assert warning(*private, *public(50)) == f'nearly all of 1,000 calls come from private addresses; {REMEDY}'
    assert warning(*private, *public(60)) == ''


def test_other_logs_are_not_reported() -> None:
    assert warning() == ''
    assert warning(*['203.0.113.5'] * 999) == ''
    assert warning(*public(4) * 250) == ''
    assert warning(*['203.0.113.5'] * 940, *public(60)) == ''
    assert warning(*public(5_000)) == ''


def test_the_sample_is_bounded() -> None:
    sample = CallerSample()
    for _ in range(3):
        sample.add(pl.Series(['203.0.113.5']).new_from_index(0, SAMPLE // 2 + 1))
    assert (sample.calls, sum(map(len, sample.addresses))) == (SAMPLE, SAMPLE)
    assert sample.warning()
    sample.add(pl.Series(['203.0.113.5']))
    assert sample.addresses == []
