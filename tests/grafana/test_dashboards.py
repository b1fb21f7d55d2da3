"""The pages: one source, two languages, links between the pages, readable texts and colours."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dashboards import ALL_PANELS, DASHBOARDS, LANGUAGES, NAMES, PAGES, VARIABLE, links, panels
from files import ROOT

BOTH_LANGUAGES = pytest.mark.parametrize('language', LANGUAGES)
EVERY_PAGE = pytest.mark.parametrize('name', NAMES)
LETTER = 7.4  # pixels of a letter on average: Grafana's font is Inter, 14 pixels high
PADDING = 12  # pixels at both sides of a title
INDICATORS = {
    'en': [
        'Activity',
        'Total users',
        'API calls per user',
        'Anonymous users',
        'Mobile users',
        'Top 5 users',
        'Map of API calls',
    ],
    'fr': [
        'Activité',
        "Nombre total d'utilisateurs",
        'Appels API par utilisateur',
        'Utilisateurs anonymes',
        'Utilisateurs mobiles',
        'Top 5 utilisateurs',
        'Carte des appels API',
    ],
}


@pytest.mark.parametrize('seed', ['1', '2'])
def test_the_source_writes_the_committed_pages_each_time(tmp_path: Path, seed: str) -> None:
    environment = os.environ | {'PYTHONHASHSEED': seed}
    subprocess.run([sys.executable, '-m', 'grafana.build', tmp_path], cwd=ROOT, check=True, env=environment)
    written = tmp_path / 'grafana' / 'dashboards'
    made = {file.relative_to(written): file.read_bytes() for file in written.rglob('*.json')}
    assert made == {file.relative_to(DASHBOARDS): file.read_bytes() for file in DASHBOARDS.rglob('*.json')}


def test_every_page_is_written_in_both_languages() -> None:
    assert {(file.stem, file.parent.name) for file in DASHBOARDS.rglob('*.json')} == PAGES.keys()


# languages


def leaves(value: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every text, number and null of a page, by its path; the properties of an override by their names."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, *path, key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if isinstance(inner, dict) and set(inner) == {'id', 'value'}:
                yield from leaves(inner['value'], *path, inner['id'])
            else:
                yield from leaves(inner, *path, str(index))
    else:
        yield path, value


VISIBLE_KEYS = {
    'title',
    'description',
    'label',
    'noValue',
    'axisLabel',
    'displayName',
    'text',
}  # the keys of texts that readers see
NOT_TRANSLATED = re.compile(r'|Usage|All|\$\{__field\.labels\.\w+}')  # empty texts, proper names, expressions of Grafana


@EVERY_PAGE
def test_both_languages_have_the_same_panels_and_every_text_is_translated(name: str) -> None:
    english, french = (dict(leaves(PAGES[name, language])) for language in LANGUAGES)
    assert english.keys() == french.keys()
    differing = {path for path in english if english[path] != french[path]}
    texts = {path for path, value in english.items() if path[-1] in VISIBLE_KEYS and not NOT_TRANSLATED.fullmatch(value)}
    lists = {
        ('templating', 'list', str(index), 'query')
        for index, variable in enumerate(variables(name))
        if variable['type'] == 'custom'
    }
    names = {('uid',), ('tags', '1'), ('annotations', 'list', '0', 'name')}
    events = {('annotations', 'list', '0', 'target', 'rawSql')}  # those that the program wrote are translated
    addresses = {path for path in english if path[-1] == 'url'}
    assert differing == texts | lists | names | events | addresses
    assert all(french[path].strip() for path in texts)


def run_script(script: str) -> Any:
    """The JSON that a Python script prints; it can import the source of the pages."""
    done = subprocess.run([sys.executable, '-c', script], cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_no_text_is_duplicated_and_none_is_the_same_in_both_languages() -> None:
    texts = run_script('import json; from grafana.build import TEXTS; print(json.dumps(TEXTS))')
    for column in range(len(LANGUAGES)):
        written = [text[column] for text in texts.values()]
        assert sorted(set(written)) == sorted(written)
    assert [key for key, (english, french) in texts.items() if english == french] == []


def test_every_text_is_used() -> None:
    unused = run_script("""
import json
from grafana.build import TEXTS, dashboards
from grafana.texts import in_language
class Recorder(dict):
    def __getitem__(self, key):
        used.add(key)
        return super().__getitem__(key)
used = set()
dashboards(Recorder(in_language(TEXTS, 'en')))
print(json.dumps(sorted(TEXTS.keys() - used)))
""")
    assert unused == []


@BOTH_LANGUAGES
def test_the_seven_indicators_come_first_with_the_names_of_the_original_page(language: str) -> None:
    shown = panels('users', language)
    assert [shown[number]['title'] for number in range(1, 8)] == INDICATORS[language]


# pages and their variables


def variables(name: str) -> list[dict[str, Any]]:
    page_variables: list[dict[str, Any]] = PAGES[name, 'en']['templating']['list']
    return page_variables


@BOTH_LANGUAGES
@EVERY_PAGE
def test_a_page_links_to_the_others_and_to_the_other_language_with_period_and_variables(name: str, language: str) -> None:
    [other] = set(LANGUAGES) - {language}
    page = PAGES[name, language]
    uids = [*(PAGES[page_name, language]['uid'] for page_name in NAMES if page_name != name), PAGES[name, other]['uid']]
    assert [link['url'] for link in page['links']] == [f'/d/{uid}' for uid in uids]
    titles = [PAGES[page_name, language]['title'] for page_name in NAMES if page_name != name]
    assert [link['title'] for link in page['links'][:-1]] == titles
    assert all(link['keepTime'] and link['includeVars'] for link in page['links'])


def test_every_page_has_the_variables_that_a_link_passes_on() -> None:
    shared = [{**variable, 'hide': 0} for variable in variables('users')]
    for name in NAMES:
        assert [{**variable, 'hide': 0} for variable in variables(name)][: len(shared)] == shared


@EVERY_PAGE
def test_a_page_shows_the_variables_that_its_panels_use(name: str) -> None:
    page = PAGES[name, 'en']
    used = set(VARIABLE.findall(json.dumps([page['panels'], page['annotations']]))) | {'datasource'}
    shown = {variable['name'] for variable in variables(name) if variable['hide'] == 0}
    assert shown <= used
    assert used - shown <= {'circles'}, 'a link to a circle needs the variable that made the circle'


@pytest.mark.parametrize(('name', 'number'), ALL_PANELS)
@BOTH_LANGUAGES
def test_data_links_open_the_calls_page_with_period_and_variables(name: str, number: int, language: str) -> None:
    names = {variable['name'] for variable in variables('calls')}
    for url in links(panels(name, language)[number]):
        page, _, query = url.partition('?')
        parts = query.split('&')
        assert page == f'/d/{PAGES["calls", language]["uid"]}'
        assert parts[0] == '${__url_time_range}'
        kept = [match[1] for part in parts if (match := re.fullmatch(r'\$\{(\w+):queryparam}', part))]
        assert {'datasource', 'domain', 'crawlers', 'tag', 'circles'} == set(kept)
        set_here = [match[1] for part in parts if (match := re.fullmatch(r'var-(\w+)=\$\{[\w.]+:percentencode}', part))]
        assert len(parts) == 1 + len(kept) + len(set_here)
        assert set_here
        assert set(set_here) <= names - set(kept)


def test_bars_rows_series_and_circles_link_to_their_calls() -> None:
    linked = {(name, number) for name, number in ALL_PANELS if links(panels(name)[number])}
    on_users = {panel['id'] for panel in panels('users').values() if panel['type'] in ('barchart', 'geomap', 'table')}
    on_users -= {10, 19, 20, 21, 22}  # the page of calls cannot choose an hour, an audience, a network or a site
    assert linked == {('users', number) for number in on_users} | {('datasets', number) for number in (5, 6, 7, 8, 9, 11, 16, 17)}


@EVERY_PAGE
def test_the_default_period_is_the_last_14_days(name: str) -> None:
    assert PAGES[name, 'en']['time'] == {'from': 'now-13d/d', 'to': 'now'}


@EVERY_PAGE
def test_events_are_drawn_on_every_chart_of_a_page(name: str) -> None:
    [events] = PAGES[name, 'en']['annotations']['list']
    assert events['enable']
    assert 'filter' not in events
    assert any(panel['type'] == 'timeseries' for panel in panels(name).values())


@EVERY_PAGE
def test_every_query_uses_the_chosen_data_source_and_the_provisioned_one_is_the_default(name: str) -> None:
    chosen = {'type': 'grafana-clickhouse-datasource', 'uid': '${datasource}'}
    source, *others = variables(name)
    assert (source['type'], source['query'], source['current']['value']) == ('datasource', chosen['type'], 'usage-clickhouse')
    assert all(variable.get('datasource', chosen) == chosen for variable in others)
    for panel in panels(name).values():
        assert [panel['datasource'], *(target['datasource'] for target in panel['targets'])] == [chosen] * 2
    assert PAGES[name, 'en']['annotations']['list'][0]['target']['datasource'] == chosen


# what readers see


@EVERY_PAGE
def test_panels_fill_the_page_without_overlapping(name: str) -> None:
    places = {panel['id']: panel['gridPos'] for panel in PAGES[name, 'en']['panels']}
    assert len(places) == len(PAGES[name, 'en']['panels'])
    cells = [
        (x, y)
        for place in places.values()
        for x in range(place['x'], place['x'] + place['w'])
        for y in range(place['y'], place['y'] + place['h'])
    ]
    assert len(cells) == len(set(cells))
    assert set(cells) == {(x, y) for x in range(24) for y in range(max(y for _, y in cells) + 1)}
    if name == 'users':
        first = [places[number] for number in range(1, 9)]
        assert max(place['y'] + place['h'] for place in first) <= 20, 'a laptop shows some 20 rows'


@pytest.mark.parametrize(('name', 'number'), ALL_PANELS)
@BOTH_LANGUAGES
def test_every_panel_describes_how_it_is_computed_and_what_it_leaves_out(name: str, number: int, language: str) -> None:
    computed, left_out = {'en': ('Computed: ', 'Left out: '), 'fr': ('Calcul : ', 'Exclus : ')}[language]
    _, second, third = panels(name, language)[number]['description'].split('\n\n')
    assert second.startswith(computed)
    assert third.startswith(left_out)


@pytest.mark.parametrize(('name', 'number'), ALL_PANELS)
def test_a_number_is_coloured_only_where_it_asks_for_action(name: str, number: int) -> None:
    panel = panels(name)[number]
    steps = [step['value'] for step in panel['fieldConfig']['defaults']['thresholds']['steps']]
    assert steps == ([None, 1] if panel['title'] == 'Unfinished imports' else [None])
    assert panel['fieldConfig']['defaults']['color']['mode'] in (
        {'thresholds'} if len(steps) > 1 else {'fixed', 'palette-classic', 'continuous-blues'}
    )


@pytest.mark.parametrize(('name', 'number'), ALL_PANELS)
def test_an_empty_panel_shows_a_text(name: str, number: int) -> None:
    config = panels(name)[number]['fieldConfig']
    message = config['defaults']['noValue']
    if panels(name)[number]['type'] == 'table':  # an empty table has one row of nulls: its first column shows the text
        assert message == ''
        [message, *others] = [
            entry['value'] for override in config['overrides'] for entry in override['properties'] if entry['id'] == 'noValue'
        ]
        assert others == []
    assert message in {
        'No calls in this period',
        'Nothing imported in this period',
        'Nothing rejected in this period',
        'Nothing imported yet',
        'No response times in this period: the format of the log has none',
        'None: each data set of the catalogue has calls, or there is no catalogue',
        'None: no data set is that new, or there is no catalogue',
    }


@BOTH_LANGUAGES
def test_titles_of_columns_about_data_sets_fit_their_widths(language: str) -> None:
    for panel in panels('datasets', language).values():
        for override in panel['fieldConfig']['overrides'] if panel['type'] == 'table' else []:
            properties = {entry['id']: entry['value'] for entry in override['properties']}
            if title := properties.get('displayName'):
                width = properties.get('custom.width') or properties['custom.minWidth']
                assert len(title) * LETTER + PADDING <= width, (panel['id'], title, width)


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.1 defines it."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(color: str, other: str) -> float:
    dark, light = sorted((luminance(color), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize('background', ['#ffffff', '#181b1f'])  # of Grafana's panels, light and dark
def test_colors_stand_out_on_light_and_dark_panels(background: str) -> None:
    configs = [panels(name)[number]['fieldConfig'] for name, number in ALL_PANELS]
    colors = set(re.findall(r'"(?:fixedColor|color)": "(#\w+)"', json.dumps(configs)))
    assert len(colors) == 7
    assert all(contrast(color, background) >= 3 for color in colors)


def test_the_map_needs_no_internet_and_its_numbers_are_readable() -> None:
    options = panels('users')[7]['options']
    circles, tally = (layer['config']['style'] for layer in options['layers'])
    assert options['basemap']['config']['src'] == 'public/maps/countries.geojson'
    assert 'http' not in json.dumps(options)
    assert contrast(circles['color']['fixed'], tally['color']['fixed']) >= 4.5
