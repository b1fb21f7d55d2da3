"""A requested host tells the portal."""

import pytest

from exporter.enrich.hosts import Hosts

HOSTS = Hosts(
    {
        'a.example.org': ('a.example.org', 'www.a.example.org'),
        'b.example.org': ('*.example.org',),
        'c.example.org': ('*.c.example.org', 'c.example.com'),
    }
)


@pytest.mark.parametrize(
    ('host', 'portal'),
    [
        ('a.example.org', 'a.example.org'),
        ('www.a.example.org', 'a.example.org'),
        ('x.a.example.org', 'b.example.org'),
        ('b.example.org', 'b.example.org'),
        ('x.c.example.org', 'c.example.org'),  # the longest pattern
        ('x.y.c.example.org', 'c.example.org'),
        ('c.example.org', 'b.example.org'),  # a pattern is for the names below
        ('c.example.com', 'c.example.org'),
        ('example.org', ''),
        ('.example.org', ''),
        ('aexample.org', ''),
        ('example.com', ''),
        ('192.0.2.7', ''),
        ('[::1]', ''),
        ('-', ''),
        ('', ''),
    ],
)
def test_a_host_is_of_one_portal(host: str, portal: str) -> None:
    assert HOSTS.portal(host) == portal


def test_no_portal_has_hosts() -> None:
    assert Hosts({}).portal('a.example.org') == ''
