"""Writes the pages and the alerts: `python -m grafana.build [FOLDER]`, by default into this checkout.

The files are the same bytes each time. CONTRIBUTING.md says how to add a page.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from grafana.alerting.provisioning import alerts
from grafana.calls.page import calls_page
from grafana.calls.texts import CALLS
from grafana.dashboard import Page, dashboard
from grafana.datasets.page import datasets_page
from grafana.datasets.texts import DATASETS
from grafana.health.page import health_page
from grafana.health.texts import HEALTH
from grafana.panels.panel import Json
from grafana.texts import COLUMNS, FRAME, LANGUAGES, Texts, in_language
from grafana.users.page import users_page
from grafana.users.texts import USERS

# In the order of their links.
PAGES: dict[str, Callable[[Texts], Page]] = {
    'users': users_page,
    'datasets': datasets_page,
    'health': health_page,
    'calls': calls_page,
}
TEXTS = FRAME | COLUMNS | USERS | DATASETS | HEALTH | CALLS


def dashboards(text: Texts) -> dict[str, Json]:
    """Every page in one language, by its name."""
    return {name: dashboard(name, page(text), tuple(PAGES), text) for name, page in PAGES.items()}


def files() -> Iterator[tuple[Path, str]]:
    """The path of each file in the checkout, and its text."""
    for language in LANGUAGES:
        for name, page in dashboards(in_language(TEXTS, language)).items():
            path = Path('grafana', 'dashboards', language, f'{name}.json')
            yield path, json.dumps(page, ensure_ascii=False, indent=2) + '\n'
    yield Path('provisioning', 'alerting', 'usage.yaml'), alerts()


if __name__ == '__main__':
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent
    for path, text in files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding='utf-8')
