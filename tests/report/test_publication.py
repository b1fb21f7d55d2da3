"""What is published tells nothing about single persons."""

from datetime import UTC, datetime
from typing import Any

import pytest
from access_logs import DOMAIN, FIREFOX, imported, line
from files import DATA
from hypothesis import given
from hypothesis import strategies as st

from exporter.enrich.geo import COUNTRIES
from exporter.report import indicators
from exporter.report.indicators import Place, Report, User
from exporter.report.period import period
from exporter.report.publication import few, published, visitors_by_place
from exporter.store.clickhouse import ClickHouse

FRANCE = next((round(latitude, 2), round(longitude, 2)) for code, latitude, longitude in COUNTRIES.iter_rows() if code == 'FR')
PARIS, LYON = ('FR', 'Paris', 48.86, 2.35), ('FR', 'Lyon', 45.76, 4.84)


def report(**other: Any) -> Report:
    values: dict[str, Any] = {
        'domain': DOMAIN, 'from_': '2026-11-01', 'to': '2026-11-14', 'timezone': 'UTC', 'calls': 100, 'activity': [],
        'total_users': 20, 'calls_per_user': 5.0, 'anonymous_users_percent': 50.0, 'mobile_users_percent': 10.0, 'top_users': [],
        'map': [], 'unlocated_calls': 0, 'crawler_calls': 0,
    }  # fmt: skip
    return Report(**values | other)


@given(st.integers(0, 100), st.integers(1, 100))
def test_a_small_number_of_users_is_not_told(number: int, minimum: int) -> None:
    shown = few(number, minimum)
    assert shown == (f'fewer than {minimum}' if 1 <= number < minimum else number)


def test_what_may_be_told_is_told() -> None:
    whole = report(map=[Place(*PARIS, 100)], top_users=[User('anonymous', 60), User('alice', 40)])
    shown = published(whole, {PARIS: 5}, 5, names_accounts=True)
    assert (shown['from'], shown['total_users'], shown['calls_per_user'], shown['anonymous_users_percent']) == (
        '2026-11-01', 20, 5.0, 50.0,
    )  # fmt: skip
    assert shown['map'] == [{'country': 'FR', 'city': 'Paris', 'latitude': 48.86, 'longitude': 2.35, 'calls': 100}]
    assert [user['user'] for user in shown['top_users']] == ['anonymous', 'alice']


def test_accounts_are_named_only_where_that_is_wanted() -> None:
    users = [User('alice', 70), User('anonymous', 30)]
    assert published(report(top_users=users), {}, 5, names_accounts=False)['top_users'] == [{'user': 'anonymous', 'calls': 30}]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 10))
def test_no_published_number_tells_a_hidden_one(registered: int, anonymous: int, minimum: int) -> None:
    total = registered + anonymous
    values = {'calls_per_user': 100 / total, 'anonymous_users_percent': 100 * anonymous / total} if total else {}
    none = {'calls_per_user': None, 'anonymous_users_percent': None}
    shown = published(report(total_users=total, **(values or none)), {}, minimum, names_accounts=False)
    if 0 < total < minimum:
        assert shown['total_users'] == f'fewer than {minimum}'
        assert shown['calls_per_user'] is None
    if any(0 < part < minimum for part in (total, registered, anonymous)):
        assert shown['anonymous_users_percent'] is None
    elif total:
        assert shown['anonymous_users_percent'] == values['anonymous_users_percent']


def test_a_place_with_few_visitors_is_its_country() -> None:
    unknown = ('ZZ', '', 1.23, 4.56)
    places = [Place(*PARIS, 50), Place('FR', '', *FRANCE, 30), Place(*LYON, 15), Place(*unknown, 5)]
    shown = published(report(map=places, unlocated_calls=2), {PARIS: 5, LYON: 4, unknown: 1}, 5, names_accounts=False)
    assert [(place['city'], place['latitude'], place['calls']) for place in shown['map']] == [
        ('Paris', 48.86, 50),
        ('', FRANCE[0], 45),
    ]
    assert shown['unlocated_calls'] == 7


@given(
    st.lists(
        st.tuples(
            st.sampled_from(['FR', 'DE', 'ZZ']),
            st.sampled_from(['', 'a', 'b']),
            st.integers(-9, 9),
            st.integers(1, 9),
            st.integers(0, 9),
        ),
        unique_by=lambda row: row[:3],
    )
)
def test_no_call_is_lost_from_the_map(rows: list[tuple[str, str, int, int, int]]) -> None:
    places = [Place(country, city, float(at), 0.5, calls) for country, city, at, calls, _ in rows]
    visitors = {(country, city, float(at), 0.5): number for country, city, at, _, number in rows}
    shown = published(report(map=places), visitors, 5, names_accounts=False)
    assert sum(place['calls'] for place in shown['map']) + shown['unlocated_calls'] == sum(place.calls for place in places)
    enough = {location for location, number in visitors.items() if number >= 5}
    for place in shown['map']:
        assert place['city'] == '' or (place['country'], place['city'], place['latitude'], place['longitude']) in enough


def test_the_visitors_of_a_place_are_those_of_the_map(settings: pytest.MonkeyPatch, database: ClickHouse) -> None:
    settings.setenv('USAGE_GEO_DATABASE', str(DATA / 'GeoLite2-City-Test.mmdb'))
    callers = [('81.2.69.142', '-'), ('81.2.69.143', '-'), ('81.2.69.142', 'alice'), ('81.2.69.142', '-'), ('2.125.160.216', '-')]
    lines = [line(number, ip=ip, user=user, agent=FIREFOX) + '\n' for number, (ip, user) in enumerate(callers)]
    imported('-', stdin=''.join(lines).encode())
    days = period('2024-10-01', '2024-10-31', 'UTC', datetime.now(UTC))
    visitors = visitors_by_place(database, DOMAIN, days)
    whole = indicators.fetch(database, DOMAIN, 'UTC', days)
    assert {place.city: visitors[place.country, place.city, place.latitude, place.longitude] for place in whole.map} == {
        'London': 3,
        'Boxford': 1,
    }
    shown = published(whole, visitors, 2, names_accounts=False)
    assert {place['city']: place['calls'] for place in shown['map']} == {'London': 4, '': 1}
