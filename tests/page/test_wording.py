"""Numbers, dates and places are written as the language and the portal's time zone ask for."""

from zoneinfo import ZoneInfo

import pytest
from known_calls import START, ZONE

from exporter.page.wording import Wording
from exporter.report.indicators import Place
from exporter.report.period import period

ENGLISH, FRENCH = (Wording(language, ZoneInfo(ZONE)) for language in ('en', 'fr'))


@pytest.mark.parametrize(
    ('first', 'last', 'english', 'french'),
    [
        ('2026-11-01', '2026-11-14', '1 November 2026 \u2013 14 November 2026', '1 novembre 2026 \u2013 14 novembre 2026'),
        ('2026-11-01', '2026-11-01', '1 November 2026', '1 novembre 2026'),
        (
            '2026-11-01',
            '2026-11-02T08:30',
            '1 November 2026 \u2013 2 November 2026, 08:30',
            '1 novembre 2026 \u2013 2 novembre 2026, 08:30',
        ),
    ],
)
def test_a_period_has_times_only_where_it_cuts_a_day(first: str, last: str, english: str, french: str) -> None:
    span = period(first, last, ZONE, START)
    assert (ENGLISH.span(span), FRENCH.span(span)) == (english, french)


def test_numbers() -> None:
    assert (ENGLISH.number(1234567), FRENCH.number(1234567)) == ('1,234,567', '1\u202f234\u202f567')
    assert (ENGLISH.percent(93.26), FRENCH.percent(93.26)) == ('93.3%', '93,3\u202f%')
    assert {ENGLISH.number(None), FRENCH.percent(None)} == {'\u2013'}
    assert [len(wording.compact(number)) <= 4 for wording in (ENGLISH, FRENCH) for number in (0, 999, 1000, 199_499, 4_000_000)]


def test_a_change_without_a_value_before_is_not_shown() -> None:
    assert ENGLISH.change(5, 0) == ENGLISH.change(None, 5) == ENGLISH.points(5, None) == ''
    assert ENGLISH.change(150, 100) == '+50.0% on the period before'
    assert FRENCH.change(99.99, 100) == '±0\u202f% par rapport à la période précédente'


def test_places_have_the_name_of_their_country() -> None:
    assert FRENCH.place(Place('DE', 'Köln', 50.9, 6.9, 1)) == 'Köln, Allemagne'
    assert ENGLISH.place(Place('XX', '', 0, 0, 1)) == 'XX'
