"""The page shows the numbers of the report, is valid HTML that makes no request, and shows markup as text."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from access_logs import run
from html_page import SVG, XHTML, of_class, parse, rows, section, text
from known_calls import DOMAIN, FIRST, LAST, RENT
from page_portal import MARKUP, portal  # noqa: F401

from exporter.page.content import Content
from exporter.page.render import PLACES, render
from exporter.page.texts import TEXTS
from exporter.report.indicators import Day, Place, Portal, Report, User
from exporter.report.output import printable
from exporter.report.part import Part, Selection
from exporter.report.period import period
from exporter.report.terminal import LANGUAGES

PERIOD = ('--from', FIRST, '--to', LAST)
LIMIT = 400_000  # bytes of a page


def answer(*options: str, form: str = 'html') -> str:
    result = run('report', *PERIOD, '--format', form, *options)
    assert result.exit_code == 0, result.output
    return result.stdout


def number(shown: str) -> float:
    return float(re.sub(r'[\s,%]', '', shown))


def make_content(days: int = 14, **values: Any) -> Content:
    """The content of a page with `days` days, and places in every country of a grid."""
    first = date(2026, 1, 1)
    last = first + timedelta(days - 1)
    selection = Selection(DOMAIN, period(str(first), str(last), 'Europe/Paris', datetime.now(UTC)))
    report = Report(
        domain=DOMAIN,
        from_=str(first),
        to=str(last),
        timezone='Europe/Paris',
        calls=1_234_567,
        activity=[Day(str(first + timedelta(day)), 1000 * day) for day in range(days)],
        total_users=15_204,
        calls_per_user=81.24,
        anonymous_users_percent=93.26,
        mobile_users_percent=2.0,
        top_users=[User('anonymous', 900_000), *(User(f'{MARKUP}{user}', 31_000) for user in range(4))],
        map=[Place('FR', MARKUP, lat, lon, 7 + abs(lat * lon)) for lat in range(-90, 91, 10) for lon in range(-180, 181, 20)],
        unlocated_calls=4_321,
        crawler_calls=77_000,
    )
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    row = {'title': MARKUP, 'publisher': MARKUP, 'calls': 3, 'users': 2, 'downloads': 1}
    content = Content(
        portal=Portal(DOMAIN, 'Europe/Paris', first, last),
        selection=selection,
        counted_exactly=False,
        report=report,
        period_before=selection.period,
        before=None,
        events=[],
        datasets=[row | {'dataset': f'{MARKUP}{name}'} for name in range(12)],
        publishers=[row],
        first_call=moment,
        last_call=moment,
        removed_before=None,
    )
    return replace(content, **values)


@pytest.mark.usefixtures('portal')
@pytest.mark.parametrize('options', [[], ['--dataset', 'trees'], ['--publisher', RENT.publisher], ['--exact'], ['--crawlers']])
def test_the_numbers_are_those_of_the_report_as_json(options: list[str]) -> None:
    page, report = parse(answer(*options)), json.loads(answer(*options, form='json'))

    def value(title: str, name: str) -> float:
        return number(text(of_class(section(page, title), name)[0]))

    activity = section(page, 'Activity')
    assert text(of_class(activity, 'total')[0]) == f'{report["calls"]:,} API calls'
    assert [number(calls) for _, calls in rows(activity)] == [day['calls'] for day in report['activity']]
    assert value('Total users', 'value') == report['total_users']
    assert value('API calls per user', 'value') == round(report['calls_per_user'], 1)
    assert value('Anonymous users', 'ring') == round(report['anonymous_users_percent'], 1)
    assert value('Mobile users', 'ring') == round(report['mobile_users_percent'], 1)
    users = [[user['user'], f'{user["calls"]:,}'] for user in report['top_users']]
    assert rows(section(page, 'Top 5 users')) == users
    *places, unlocated = rows(section(page, 'Map of API calls'))
    assert [number(calls) for _, calls in places] == [place['calls'] for place in report['map']]
    assert number(unlocated[1]) == report['unlocated_calls']
    assert f'{report["crawler_calls"]:,}' in text(next(page.iter(f'{XHTML}footer')))


@pytest.mark.usefixtures('portal')
def test_data_sets_and_publishers_are_those_of_the_divisions() -> None:
    page = parse(answer())
    columns = ('calls', 'users', 'downloads')
    for title, by in (('Most used data sets', 'dataset'), ('Most used publishers', 'publisher')):
        counted = [row for row in json.loads(answer('--by', by, form='json')) if row[by] and row['calls']]
        shown = rows(section(page, title))
        assert [[number(value) for value in row[-3:]] for row in shown] == [[row[name] for name in columns] for row in counted]
    assert [row[0] for row in shown] == [row['publisher'] for row in counted]
    of_publisher = parse(answer('--publisher', RENT.publisher))
    assert [row[0] for row in rows(section(of_publisher, 'Most used data sets'))] == [RENT.title + RENT.publisher]


@pytest.mark.usefixtures('portal')
def test_events_are_marked_and_listed() -> None:
    page = parse(answer())
    [event] = section(page, 'Events').iter(f'{XHTML}li')
    assert text(event) == ' '.join(f'3 November 2026 {printable(MARKUP)}{printable(MARKUP)}'.split())
    assert len([mark for mark in of_class(page, 'event') if mark.tag == f'{SVG}line']) == 1


@pytest.mark.usefixtures('portal')
@pytest.mark.parametrize(('language', 'days'), [('en', '20 October 2026 to 18'), ('fr', '20 octobre 2026 au 18')])
def test_a_period_without_calls_names_the_days_that_have_some(language: str, days: str) -> None:
    result = run('report', '--format', 'html', '--from', '2020-01-01', '--to', '2020-01-02', '--lang', language)
    assert result.exit_code == 0, result.output
    page = parse(result.stdout)
    assert days in text(next(page.iter(f'{XHTML}main')))
    assert not list(page.iter(f'{XHTML}table'))
    part = run(
        'report', '--format', 'html', '--from', '2020-01-01', '--to', '2020-01-02', '--lang', language, '--dataset', 'trees'
    )
    assert text(next(parse(part.stdout).iter(f'{XHTML}main'))).partition(' 20 ')[0].count('Trees') == 1


@pytest.mark.parametrize('language', LANGUAGES)
@pytest.mark.parametrize('days', [1, 2, 14, 366])
def test_it_is_valid_small_and_makes_no_request(days: int, language: str) -> None:
    page = render(make_content(days), language)
    assert len(page.encode()) < LIMIT
    tree = parse(page)
    links = {value for part in tree.iter() for name, value in part.items() if name.rpartition('}')[2] in ('src', 'href')}
    assert links == {'data:,'}
    assert 'url(' not in page
    assert '@import' not in page
    assert not list(tree.iter(f'{XHTML}script'))
    policy = [meta.get('content', '') for meta in tree.iter(f'{XHTML}meta') if meta.get('http-equiv')]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_markup_and_control_characters_are_text() -> None:
    part = Part(f'{MARKUP}id', MARKUP, MARKUP)
    content = make_content()
    tree = parse(render(replace(content, selection=replace(content.selection, part=part)), 'en'))
    shown = ' '.join(printable(MARKUP).split())
    assert not [
        part
        for part in tree.iter()
        if part.tag in (f'{XHTML}b', f'{XHTML}script') and shown in text(part) and not part.get('title')
    ]
    assert rows(section(tree, 'Most used data sets'))[0][0] == shown + shown
    assert rows(section(tree, 'Top 5 users'))[1][0] == f'{shown}0'
    assert len(rows(section(tree, 'Map of API calls'))) == PLACES + 2
    assert text(of_class(tree, 'part')[0]).startswith(shown)


@pytest.mark.parametrize(
    ('language', 'change', 'points'), [('en', '\u221210.0%', '+3.3 points'), ('fr', '\u221210,0\u202f%', '+3,3 points')]
)
def test_it_shows_the_change_against_the_period_before(language: str, change: str, points: str) -> None:
    content = make_content()
    values = {'calls': 1_371_741, 'anonymous_users_percent': 90, 'total_users': 0, 'calls_per_user': None}
    page = parse(render(replace(content, before=msgspec.structs.replace(content.report, **values)), language))
    changes = [text(part) for part in of_class(page, 'change')]
    assert changes[0].startswith(' '.join(change.split()))
    assert changes[1].startswith(points)
    assert changes[2].startswith('±0 points')
    assert len(changes) == 3
    assert not of_class(parse(render(content, language)), 'change')


def test_what_the_page_does_not_know_is_said() -> None:
    content = make_content(removed_before=date(2026, 1, 3))
    unknown = msgspec.structs.replace(
        content.report,
        calls_per_user=None,
        anonymous_users_percent=None,
        hidden_address_calls=5,
        left_out_calls=17,
        suspect_calls=23,
    )
    page = parse(render(replace(content, report=unknown), 'en'))
    assert 'before 3 January 2026 were deleted' in text(section(page, 'Most used data sets'))
    footer = text(next(page.iter(f'{XHTML}footer')))
    assert 'Calls of audiences, left out17' in footer
    assert 'likely crawlers23' in footer
    assert '5 anonymous calls' in text(section(page, 'Total users'))
    assert text(of_class(section(page, 'Anonymous users'), 'ring')[0]) == '\u2013'
    assert 'not all calls of the period before are known' in text(next(page.iter(f'{XHTML}header')))


def test_both_languages_have_every_text_with_the_same_values() -> None:
    for name, texts in TEXTS.items():
        assert len(texts) == len(LANGUAGES), name
        assert all(texts), name
        fields = [sorted(re.findall(r'\{\w+\}', words)) for words in texts]
        assert all(one == other for one, other in pairwise(fields)), name
    pages = [render(make_content(), language) for language in LANGUAGES]
    english = [words[0] for words in TEXTS.values() if words[0] != words[1] and '{' not in words[0] and len(words[0]) > 12]
    assert [words for words in english if words in pages[1]] == []
