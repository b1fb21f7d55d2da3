"""Every text of the dashboards, once for each language; `<panel>_about` is a panel's description."""

from texts_calls import CALLS
from texts_datasets import DATASETS
from texts_frame import COLUMNS, FRAME
from texts_health import HEALTH
from texts_indicators import INDICATORS
from texts_users import USERS

LANGUAGES = ('en', 'fr')
Texts = dict[str, str]
TEXTS = FRAME | COLUMNS | INDICATORS | USERS | DATASETS | HEALTH | CALLS


def texts(language: str) -> Texts:
    """The texts of one language, by key, a paragraph on one line. Raises ValueError for a language not in LANGUAGES."""
    column = LANGUAGES.index(language)
    return {'language': language} | {key: _unwrapped(text[column]) for key, text in TEXTS.items()}


def _unwrapped(text: str) -> str:
    return '\n\n'.join(' '.join(paragraph.split()) for paragraph in text.split('\n\n'))
