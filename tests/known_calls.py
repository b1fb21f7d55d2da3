"""A portal with a catalogue and calls, and what is counted of them in plain Python."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from independent import UNLOCATED, Call, Known

from exporter.report.part import Part, Selection
from exporter.report.period import period
from exporter.store.clickhouse import ClickHouse

DOMAIN, ZONE = 'data.example.org', 'Europe/Paris'
FIRST, LAST = '2026-10-20', '2026-11-19'
START = datetime(2026, 10, 20, 0, 30, tzinfo=UTC)
TREES = Known('id-of-trees', 'Trees', 'City', 'nature')
RENT = Known('rent-1', "Rent, l'année", "Bureau d'études", 'homes')
NEW = Known('new', 'Without calls', "Bureau d'études", '')
NAMES = {
    'id-of-trees': TREES,
    'trees': TREES,
    '/files/trees.csv': TREES,
    'rent-1': RENT,
    'rent': RENT,
    '/files/rent.csv': RENT,
    'new': NEW,
}
REQUESTS = [  # data set, path, action, file
    ('trees', '/api/trees', 'query', 0),
    ('', '/files/rent.csv', 'download', 1),
    ('id-of-trees', '/trees', 'page', 0),
    ('rent', '/files/rent.csv', 'download', 1),
    ('raw', '/api/raw', 'query', 0),
    ('', '/', 'other', 0),
    ('rent-1', '/rent.json', 'download', 2),
]
CALLS = [
    Call(
        START + timedelta(minutes=97 * number),
        DOMAIN,
        ZONE,
        user_id=('', '', 'alice', 'bob')[number % 4],
        visitor=number % 9,
        client=('browser', 'api_client', 'browser', 'crawler', 'browser')[number % 5],
        place=(('FR', 'Paris', 48.86, 2.35), ('NP', 'Kathmandu', 27.72, 85.32), UNLOCATED)[number % 3],
        dataset_id=dataset,
        path=path,
        action=action,
        file=file,
        status=(200, 200, 404, None, 304)[number % 5],
        bytes=number,
        audience=('', 'state')[number % 6 == 0],
        network=(('', 0), ('Example AG', 64496), ('Example AG', 64497))[number % 3],
        referrer_host=('', '(own)', 'www.example.net')[number % 7 % 3],
    )
    for number in range(440)
    for dataset, path, action, file in [REQUESTS[number * number % 11 % 7]]
]
KEYS: dict[str, Callable[[Call], Any]] = {
    'dataset': lambda call: known.dataset_id if (known := known_of(call)) else call.dataset_id,
    'publisher': lambda call: known.publisher if (known := known_of(call)) else '',
    'theme': lambda call: known.theme if (known := known_of(call)) else '',
    'month': lambda call: f'{call.day:%Y-%m}',
    'week': lambda call: str(call.day - timedelta(call.day.weekday())),
    'country': lambda call: call.place[0],
    'client': lambda call: call.client,
    'action': lambda call: call.action,
    'status': lambda call: call.status,
    'audience': lambda call: call.audience,
    'network': lambda call: call.network[0],
    'referrer': lambda call: call.referrer_host,
}


def store(database: ClickHouse) -> None:
    """Stores the calls and the catalogue."""
    database.insert_rows('calls', [call.row() for call in CALLS], token='calls')
    catalogue = [{'domain': DOMAIN, 'name': name, **known._asdict(), 'revision': 7} for name, known in NAMES.items()]
    database.insert_rows('catalogue', catalogue, token='catalogue')
    database.insert_rows('catalogue_updates', [{'domain': DOMAIN, 'at': '2026-11-01 00:00:00', 'revision': 7}], token='update')


def known_of(call: Call) -> Known | None:
    """The data set of the catalogue that a call requests."""
    return NAMES.get(call.path if call.dataset_id == '' and call.action == 'download' else call.dataset_id)


def is_of(part: Part, call: Call) -> bool:
    """Whether a call is of a part."""
    if part.dataset is not None:
        return bool(KEYS['dataset'](call) == part.dataset)
    return part.publisher is None or bool(KEYS['publisher'](call) == part.publisher)


def selection(part: Part, crawlers: bool = False, first: str = FIRST, last: str = LAST) -> Selection:
    """The calls of a part in a period."""
    return Selection(DOMAIN, period(first, last, ZONE, START), part, crawlers)


def selected(part: Part, crawlers: bool = False) -> list[Call]:
    """The calls of a part that count."""
    return [call for call in CALLS if is_of(part, call) and (crawlers or call.client != 'crawler')]


def measured(calls: Iterable[Call]) -> dict[str, Any]:
    """What is counted of calls."""
    calls = list(calls)
    return {
        'calls': len(calls),
        'queries': sum(call.action == 'query' for call in calls),
        'downloads': len({(call.user, call.file, call.row()['hour']) for call in calls if call.file}),
        'page_views': sum(call.action == 'page' for call in calls),
        'users': len({call.user for call in calls}),
        'errors': sum((call.status or 0) >= 400 for call in calls),
        'bytes': sum(call.bytes for call in calls),
    }


def divided(calls: Iterable[Call], by: str) -> dict[Any, dict[str, Any]]:
    """What is counted of each part of a division."""
    groups = defaultdict(list)
    for call in calls:
        groups[KEYS[by](call)].append(call)
    return {key: measured(group) for key, group in groups.items()}
