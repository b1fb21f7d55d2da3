"""Writes the dashboards from one source: `python grafana/build.py [FOLDER]`, by default grafana/dashboards.

A page is a function of the texts of a language. To add one, write it, name it in PAGES and in frame.py, and its texts.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from page_calls import calls
from page_datasets import datasets
from page_health import health
from page_users import users
from panels import Json
from texts import LANGUAGES, Texts, texts

PAGES: dict[str, Callable[[Texts], Json]] = {'users': users, 'datasets': datasets, 'health': health, 'calls': calls}


def write(folder: Path) -> None:
    """Writes every page in every language to <folder>/<language>/<page>.json, always the same bytes."""
    for language in LANGUAGES:
        for name, page in PAGES.items():
            file = folder / language / f'{name}.json'
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(page(texts(language)), ensure_ascii=False, indent=2) + '\n', encoding='utf-8')


if __name__ == '__main__':
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / 'dashboards')
