"""Writes the dashboards from one source: `python grafana/build.py [FOLDER]`, by default grafana/dashboards.

A page is a function of the texts of a language. To add one, write it below, name it in PAGES and its texts in texts.py.
A panel's number stays what it is: alerts and links name it.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import queries
from frame import choice, dashboard
from panels import Json, Place, area_chart, column_chart, large_number, ring
from texts import LANGUAGES, Texts, texts
from world_map import world_map


def users(text: Texts) -> Json:
    """The seven indicators, to be seen at once on a laptop: activity beside the four numbers, users beside the map."""
    return dashboard(
        'users',
        [
            area_chart(1, 'activity', queries.ACTIVITY, Place(0, 0, 14, 10), text),
            large_number(2, 'total_users', queries.TOTAL_USERS, Place(14, 0, 5, 4), text, {'unit': 'short'}),
            large_number(3, 'calls_per_user', queries.CALLS_PER_USER, Place(19, 0, 5, 4), text, {'unit': 'short', 'decimals': 1}),
            ring(4, 'anonymous_users', queries.ANONYMOUS_USERS, Place(14, 4, 5, 6), text),
            ring(5, 'mobile_users', queries.MOBILE_USERS, Place(19, 4, 5, 6), text),
            column_chart(6, 'top_users', queries.TOP_USERS, Place(0, 10, 9, 10), text),
            world_map(7, 'map_of_calls', queries.MAP_OF_CALLS, Place(9, 10, 15, 10), text),
        ],
        text,
        choices=[choice('circles', text)],
    )


PAGES: dict[str, Callable[[Texts], Json]] = {'users': users}


def write(folder: Path) -> None:
    """Writes every page in every language to <folder>/<language>/<page>.json, always the same bytes."""
    for language in LANGUAGES:
        for name, page in PAGES.items():
            file = folder / language / f'{name}.json'
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(page(texts(language)), ensure_ascii=False, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / 'dashboards')
