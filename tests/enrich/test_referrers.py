"""Of a referrer, only the host is kept."""

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.enrich.referrers import LONGEST_HOST, OWN, Referrers

OF_PORTAL = Referrers('data.example.org', ('Open.example.org', '*.maps.example.org'))


def host(referrer: str) -> str:
    return str(OF_PORTAL(pl.Series([referrer])).item())


@pytest.mark.parametrize(
    ('referrer', 'expected'),
    [
        ('', ''),
        ('-', ''),
        ('https://www.example.net/a/b?c=d#e', 'www.example.net'),
        ('HTTPS://WWW.Example.NET:8443', 'www.example.net'),
        ('https://example.net?q', 'example.net'),
        ('https://example.net.:443/', 'example.net'),
        ('//example.net/page', 'example.net'),
        ('https://user:pass@example.net/', 'example.net'),
        ('https://a@b@example.net/', 'example.net'),
        ('https://example.net\\@evil.example/', 'example.net'),
        ('android-app://com.example.reader', 'com.example.reader'),
        ('https://bücher.example/', 'bücher.example'),
        ('https://xn--bcher-kva.example/', 'xn--bcher-kva.example'),
        ('http://192.0.2.7:80/', '192.0.2.7'),
        ('http://[2001:DB8::1]:80/', '[2001:db8::1]'),
        ('https://data.example.org/explore', OWN),
        ('http://open.example.org', OWN),
        ('https://x.maps.example.org/', OWN),
        ('https://maps.example.org/', 'maps.example.org'),
        ('https://www.data.example.org/', 'www.data.example.org'),
        ('javascript:alert(1)', ''),
        ('data:text/html,//x', ''),
        ('about:blank', ''),
        ('file:///etc/passwd', ''),
        ('www.example.net/page', ''),
        ('https://', ''),
        ('https://a b.example/', ''),
        ('https://exa\nmple.net/', ''),
        ('https://example.net%00.evil/', ''),
        (f'https://{"a" * 255}/', 'a' * 255),
        (f'https://{"a" * 256}/', ''),
        (f'https://example.net/{"a" * 100_000}', 'example.net'),
    ],
)
def test_the_host_of_a_referrer(referrer: str, expected: str) -> None:
    assert host(referrer) == expected


@given(st.text() | st.text().map('https://{}'.format) | st.text(st.characters(max_codepoint=0x9F)).map('x://{}/'.format))
def test_no_text_gives_more_than_a_host(text: str) -> None:
    found = host(text)
    assert len(found) <= LONGEST_HOST
    assert found == OWN or found == found.lower()
    assert not re.search(r'[\x00-\x20\x7f-\x9f/?#@\\]', found)
