"""Renders the page: one HTML file with its style and its drawings, in one language."""

from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from exporter.page import chart, world
from exporter.page.content import QUIET, Content
from exporter.page.wording import Wording
from exporter.page.world import Circle
from exporter.report.events import in_language
from exporter.report.indicators import MEASURES, PartReport
from exporter.report.output import printable
from exporter.report.part import ALL

PLACES = 30  # rows of the map's table; the others are one row
EVENTS, ROWS = 10, 10  # of events, data sets and publishers
TOP, HEIGHT = 8, 192  # pixels, of the chart of the activity
COMPACT = 100_000  # numbers from here on do not fit beside its axis


def render(content: Content, language: str) -> str:
    """The page as HTML. It needs no other file, and whatever stands in titles and names appears as text."""
    report, part, zone = content.report, content.selection.part, ZoneInfo(content.portal.timezone)
    wording = Wording(language, zone)
    source = files('exporter.page')
    environment = Environment(autoescape=True, undefined=StrictUndefined, finalize=_printable, trim_blocks=True)
    events = [in_language(event, language) for event in content.events]
    template = environment.from_string(source.joinpath('page.html').read_text(encoding='utf-8'))
    return template.render(
        language=language,
        style=Markup(source.joinpath('page.css').read_text(encoding='utf-8')),
        t=wording.text,
        number=wording.number,
        percent=wording.percent,
        date=wording.full_date,
        report=report,
        portal=content.portal,
        span=wording.span(content.selection.period),
        part=part.title or part.dataset or part.publisher or '',
        part_about=', '.join(name for name in (part.dataset, part.publisher) if name) if part.title else part.publisher,
        uses=_uses(content, wording),
        error=_error(content, wording),
        compared=_compared(content, wording),
        changes=_changes(content, wording),
        activity=_activity(content, wording, zone) if report.activity else None,
        top_users=_top_users(content, wording),
        events=[
            {'day': event.start.astimezone(zone).date(), 'title': event.title, 'text': event.text} for event in events[-EVENTS:]
        ],
        more_events=wording.text('more_events', events=len(events) - EVENTS) if len(events) > EVENTS else '',
        world=_world(content, wording) if report.map else None,
        places=list(_places(content, wording)),
        datasets=[row | {'name': row['title'] or row['dataset']} for row in content.datasets[:ROWS]],
        publishers=[row | {'name': row['publisher'], 'publisher': ''} for row in content.publishers[:ROWS]],
        removed=wording.text('removed', day=wording.full_date(content.removed_before)) if content.removed_before else '',
        covered=list(_covered(content, wording)),
    )


def _printable(value: Any) -> Any:
    """Control characters are not allowed in HTML."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _compared(content: Content, wording: Wording) -> str:
    if not content.before:
        return wording.text('not_compared')
    cut = content.last_call < content.selection.period.end - QUIET
    return wording.text('compared_cut' if cut else 'compared', span=wording.span(content.period_before))


def _uses(content: Content, wording: Wording) -> str:
    """What else is counted of one data set or publisher."""
    if not isinstance(content.report, PartReport):
        return ''
    return wording.text('uses', **{name: wording.number(getattr(content.report, name)) for name in MEASURES})


def _error(content: Content, wording: Wording) -> dict[str, str]:
    """How exact users and shares of users are."""
    how = 'exact' if content.counted_exactly else 'estimated' if content.selection.part == ALL else 'sampled'
    return {of: wording.text(f'{of}_{how}') for of in ('users', 'share')}


def _changes(content: Content, wording: Wording) -> dict[str, str]:
    def difference(name: str) -> str:
        change = wording.points if name.endswith('_percent') else wording.change
        return change(getattr(content.report, name), getattr(content.before, name)) if content.before else ''

    names = ('calls', 'total_users', 'calls_per_user', 'anonymous_users_percent', 'mobile_users_percent')
    return {name: difference(name) for name in names}


def _activity(content: Content, wording: Wording, zone: ZoneInfo) -> dict[str, Any]:
    """The chart: heights in pixels, horizontal positions in per cent."""
    days = [date.fromisoformat(day.day) for day in content.report.activity]
    calls = [day.calls for day in content.report.activity]
    ticks, across = chart.ticks(max(calls)), chart.positions(len(days))
    labelled, skeleton = chart.labels(days)

    def label(tick: int) -> str:
        return wording.number(tick) if ticks[-1] < COMPACT else wording.compact(tick, 1)

    starts = [max(event.start.astimezone(zone).date(), days[0]) for event in content.events]
    return {
        'description': wording.text(
            'activity_chart', most=wording.number(max(calls)), day=wording.full_date(days[calls.index(max(calls))])
        ),
        'line': chart.line(calls, ticks[-1]),
        'ticks': [{'y': f'{TOP + HEIGHT * (1 - tick / ticks[-1]):.1f}', 'label': label(tick)} for tick in ticks],
        'labels': [{'x': f'{100 * across[at]:.2f}', 'text': wording.short_date(days[at], skeleton)} for at in labelled],
        'events': [f'{100 * across[days.index(day)]:.2f}' for day in sorted({*starts}) if day in days],
        'rows': [(wording.full_date(day), wording.number(number)) for day, number in zip(days, calls, strict=True)],
    }


def _top_users(content: Content, wording: Wording) -> list[dict[str, Any]]:
    users = content.report.top_users
    most = max((user.calls for user in users), default=0)
    named = [(wording.text('anonymous') if user.user == 'anonymous' else user.user, user.calls) for user in users]
    return [
        {
            'name': name,
            'calls': wording.number(calls),
            'height': f'{65 * calls / most:.1f}',  # per cent: the number and the name need the rest
            'row': (name, wording.number(calls)),
        }
        for name, calls in named
    ]


def _world(content: Content, wording: Wording) -> dict[str, Any]:
    shown = world.view(content.report.map)
    circles = world.circles(content.report.map, shown)

    def title(circle: Circle) -> str:
        values = {'place': wording.place(circle.place), 'calls': wording.number(circle.calls), 'others': circle.places - 1}
        return wording.text('circle_of_several' if circle.places > 1 else 'circle', **values)

    return {
        'box': shown.box,
        'land': Markup(files('exporter.page').joinpath('land.svg').read_text(encoding='utf-8')),
        'description': wording.text('map_chart', circles=len(circles), largest=title(circles[0])),
        'circles': [
            {
                'x': f'{100 * circle.x:.2f}',
                'y': f'{100 * circle.y:.2f}',
                'radius': f'{circle.radius:.1f}',
                'text': wording.compact(circle.calls),
                'title': title(circle),
            }
            for circle in circles
        ],
    }


def _places(content: Content, wording: Wording) -> Iterator[tuple[str, str]]:
    for place in content.report.map[:PLACES]:
        yield wording.place(place), wording.number(place.calls)
    if others := content.report.map[PLACES:]:
        yield (
            wording.text('other_places', places=wording.number(len(others))),
            wording.number(sum(place.calls for place in others)),
        )
    yield wording.text('unlocated'), wording.number(content.report.unlocated_calls)


def _covered(content: Content, wording: Wording) -> Iterator[tuple[str, str]]:
    report, counted = content.report, '_counted' if content.selection.crawlers else ''
    yield wording.text('covered_portal'), report.domain
    yield wording.text('covered_timezone'), report.timezone
    yield wording.text('first_call'), wording.moment(content.first_call)
    yield wording.text('last_call'), wording.moment(content.last_call)
    yield wording.text(f'crawlers{counted}'), wording.number(report.crawler_calls)
    if report.left_out_calls:
        yield wording.text(f'left_out{counted}'), wording.number(report.left_out_calls)
    if report.suspect_calls:
        yield wording.text('suspect_calls'), wording.number(report.suspect_calls)
    yield wording.text('unlocated_calls'), wording.number(report.unlocated_calls)
    yield wording.text('program'), f'usage-exporter {version("usage-exporter")}'
