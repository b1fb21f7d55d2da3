"""The report fits the terminal, shows every number, and is all French in French."""

import io
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from rich.console import Console

from exporter.model.counting_rules import CHANGES, VERSION, event_id
from exporter.report.events import Event
from exporter.report.indicators import Day, PartReport, Place, Portal, Report, User
from exporter.report.part import Part
from exporter.report.terminal import DAYS, LANGUAGES, NO_VALUE, PLACES, empty_period, render_report, size

ENGLISH = re.compile(r'\b(calls|users?|other|without|anonymous\b|activity|crawlers|of|to|Mon|Tue|Germany)\b', re.IGNORECASE)


def make_report(days: int = 14, **values: Any) -> Report:
    first = date(2026, 11, 3)
    last = first + timedelta(days - 1)
    defaults: dict[str, Any] = {
        'domain': 'data.example.org',
        'from_': first.isoformat(),
        'to': last.isoformat(),
        'timezone': 'Europe/Paris',
        'calls': 1_234_567,
        'activity': [Day(f'{first + timedelta(day)}', 10_000 + day) for day in range(days)],
        'total_users': 15_204,
        'calls_per_user': 81.24,
        'anonymous_users_percent': 93.26,
        'mobile_users_percent': 2.0,
        'top_users': [User('anonymous', 900_000), User('jean.dupont', 31_000)],
        'map': [
            Place('FR', 'Saint-Étienne', 45.43, 4.39, 500_000),
            Place('DE', '', 51.09, 10.37, 36_956),
            Place('XX', '', 0.0, 0.0, 1),
        ],
        'unlocated_calls': 4_321,
        'crawler_calls': 77_000,
    }
    return Report(**(defaults | values))


EMPTY = make_report(
    calls=0, activity=[Day('2026-11-03', 0)], total_users=0, calls_per_user=None, anonymous_users_percent=None,
    mobile_users_percent=None, top_users=[], map=[], unlocated_calls=0, crawler_calls=0,
)  # fmt: skip


def render(report: Report, language: str = 'en', width: int = 80, crawlers: bool = False, events: tuple[Event, ...] = ()) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=True)
    console.print(render_report(report, language, crawlers, events))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize('width', [40, 60, 80, 120, 200])
@pytest.mark.parametrize('language', LANGUAGES)
def test_it_fits_and_no_day_or_number_is_cut(language: str, width: int) -> None:
    shown = render(make_report(), language, width)
    assert max(map(len, shown.splitlines())) <= width
    numbers = re.sub(r'[\u202f,]', '', shown)
    for number in ('1234567', '77000', '15204', '900000', '500000', '36956', '4321', *(str(10_000 + day) for day in range(14))):
        assert re.search(rf'\b{number}\b', numbers), number
    if width >= 80:
        assert '…' not in shown


def test_bars_are_as_long_as_their_numbers() -> None:
    calls = [800, 400, 100, 0]
    shown = render(make_report(activity=[Day(f'2026-11-0{day}', n) for day, n in enumerate(calls, 3)]))
    bars = [line.count('█') for line in shown.splitlines() if re.match(r'\w{3} \d Nov', line)]
    assert bars[0] > 50
    assert bars == [bars[0], bars[0] // 2, bars[0] // 8, 0]


def test_it_shows_every_indicator_in_english() -> None:
    lines = render(make_report()).splitlines()
    assert lines[0] == f'data.example.org  3 Nov 2026 {NO_VALUE} 16 Nov 2026 (Europe/Paris)'
    assert lines[1] == 'API calls: 1,234,567 (left out, of crawlers: 77,000)'
    text = '\n'.join(lines)
    for part in (
        'Activity', 'Tue 3 Nov   10,000', 'Mon 16 Nov  10,013', 'Total users', ' 15,204 ', 'API calls per user', ' 81.2 ',
        'Anonymous users', ' 93.3% ', 'Mobile users', ' 2.0% ', 'Top 5 users', 'anonymous    900,000', 'jean.dupont   31,000',
        'Map of API calls', 'Saint-Étienne, France  500,000', 'Germany                 36,956', 'XX  ',
        'without a place          4,321',
    ):  # fmt: skip
        assert part in text, part


def test_it_shows_every_indicator_in_french_with_french_numbers_dates_and_places() -> None:
    lines = render(make_report(), 'fr').splitlines()
    assert lines[0] == f'data.example.org  3 nov. 2026 {NO_VALUE} 16 nov. 2026 (Europe/Paris)'
    assert lines[1] == "Appels API : 1\u202f234\u202f567 (non comptés, de robots d'indexation : 77\u202f000)"
    text = '\n'.join(lines)
    for part in (
        'Activité', 'mar. 3 nov.   10\u202f000', "Nombre total d'utilisateurs", ' 15\u202f204 ', 'Appels API par utilisateur',
        ' 81,2 ', 'Utilisateurs anonymes', ' 93,3\u202f% ', 'Utilisateurs mobiles', ' 2,0\u202f% ', 'Top 5 utilisateurs',
        'anonyme ', 'Carte des appels API', 'Saint-Étienne, France', 'Allemagne', 'sans lieu',
    ):  # fmt: skip
        assert part in text, part
    assert not ENGLISH.search(render(make_report(map=make_report().map * 5), 'fr', crawlers=True))


def test_the_title_shows_date_times_and_a_single_day() -> None:
    hours = render(make_report(from_='2026-11-03T08:00:00', to='2026-11-03T12:30:00+01:00')).splitlines()[0]
    assert hours == f'data.example.org  3 Nov 2026, 08:00:00 {NO_VALUE} 3 Nov 2026, 12:30:00 (Europe/Paris)'
    day = render(make_report(1)).splitlines()[0]
    assert day == 'data.example.org  3 Nov 2026 (Europe/Paris)'


@pytest.mark.parametrize('language', LANGUAGES)
def test_an_empty_period_has_dashes_and_no_error(language: str) -> None:
    shown = render(EMPTY, language)
    assert shown.count(NO_VALUE) == 2 + 3 + 1  # two lists, three indicators, the title
    portal = Portal('data.example.org', 'UTC', date(2026, 1, 2), date(2026, 3, 4))
    assert all(part in empty_period(portal, language) for part in ('data.example.org', '2026-01-02', '2026-03-04'))


@pytest.mark.parametrize('language', LANGUAGES)
def test_the_report_of_a_part_names_it_and_shows_its_measures(language: str) -> None:
    numbers: dict[str, Any] = {
        'queries': 1_001,
        'downloads': 202,
        'download_requests': 303,
        'page_views': 404,
        'errors': 55,
        'bytes': 1_234_567,
    }
    fields = msgspec.structs.asdict(make_report(hidden_address_calls=None))
    names: dict[str, Any] = {'dataset': 'air', 'title': 'Air quality', 'publisher': 'City \x1b[2J'}
    shown = render(PartReport(**fields, **names, **numbers), language).replace('\u202f', ',')
    lines = shown.splitlines()
    assert lines[1] == 'Air quality  air'
    assert lines[2].endswith(r': City \x1b[2J')
    assert re.findall('[0-9,]+', lines[3] + lines[4])[:5] == ['1,001', '202', '303', '404', '55']
    assert lines[4].endswith({'en': '1.2 MB', 'fr': '1,2 Mo'}[language])
    assert ('users are underestimated' in shown) == (language == 'en')
    untitled = render(PartReport(**fields, **names | {'title': '', 'publisher': ''}, **numbers), language).splitlines()
    assert untitled[1] == 'air'
    publisher = render(PartReport(**fields, **names | {'dataset': None, 'title': None}, **numbers), language).splitlines()
    assert 'City' in publisher[1]
    assert 'air' in empty_period(Portal('d', 'UTC', date.min, date.min), language, Part('air', '', ''))


def test_sizes_have_units_of_a_thousand() -> None:
    sizes = {0: '0 B', 999: '999 B', 1_000: '1 kB', 999_999: '1,000 kB', 1_250_000: '1.2 MB', 10**18: '1 EB', 10**22: '10,000 EB'}
    assert {number: size(number, 'en') for number in sizes} == sizes


def test_a_report_with_crawlers_says_so() -> None:
    assert '(of crawlers: 77,000)' in render(make_report(), crawlers=True)


def test_a_long_period_is_shown_by_month() -> None:
    assert render(make_report(DAYS)).count('10,0') == DAYS
    shown = render(make_report(100))
    assert 'Activity, by month' in shown
    months = [line.split()[:3] for line in shown.splitlines() if re.match(r'\w{3} 20\d\d ', line)]
    days = make_report(100).activity
    expected = [
        [name, year, f'{sum(day.calls for day in days if day.day.startswith(f"{year}-{number}")):,}']
        for name, year, number in (('Nov', '2026', '11'), ('Dec', '2026', '12'), ('Jan', '2027', '01'), ('Feb', '2027', '02'))
    ]
    assert months == expected


def test_other_places_are_one_row() -> None:
    places = [Place('FR', f'City {n}', 0.0, 0.0, 1000 - n) for n in range(PLACES + 3)]
    shown = render(make_report(map=places, unlocated_calls=0))
    assert shown.count('City') == PLACES
    assert f'other places    {sum(1000 - n for n in range(PLACES, PLACES + 3)):,}' in shown
    assert 'without a place' not in shown


def test_events_are_listed_with_their_local_day() -> None:
    late = datetime(2026, 11, 4, 23, 30, tzinfo=UTC)  # the 5th in Paris
    shown = render(make_report(), events=(Event('', late, late, 'Air quality published'),))
    assert '◆ Thu 5 Nov  Air quality published' in shown


def test_events_that_the_program_wrote_are_translated() -> None:
    now = datetime(2026, 11, 4, 12, tzinfo=UTC)
    texts, own = CHANGES[VERSION], Event('', now, now, 'New rules', tags=['rules'])
    stored = Event('', now, now, *texts['en'], tags=['rules'], id=event_id(VERSION))
    for language, day in (('en', 'Wed 4 Nov'), ('fr', 'mer. 4 nov.')):
        shown = render(make_report(), language, width=100, events=(stored, own))
        assert f'◆ {day}  {texts[language].title}' in shown
        assert f'◆ {day}  New rules' in shown


def test_names_of_users_places_and_events_cannot_control_the_terminal() -> None:
    now = datetime.now(UTC)
    hostile = 'a\x1b[2Jb\x07'
    shown = render(
        make_report(top_users=[User(hostile, 1)], map=[Place('FR', hostile, 0.0, 0.0, 1)]),
        events=(Event('', now, now, hostile),),
    )
    assert shown.count(r'a\x1b[2Jb\x07') == 3
    assert '\x1b' not in shown
    assert '\x07' not in shown
