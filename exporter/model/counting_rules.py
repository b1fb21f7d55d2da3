"""The version of the counting rules, and what each version changed.

The version grows when the same log would be counted differently. The ledger records it for each batch.
"""

from typing import NamedTuple

TAG = 'rules'  # of the events that an upgrade adds


class Description(NamedTuple):
    """What a version changed, as the title and the text of an event, each on one line."""

    title: str
    text: str


# By version and language. Version 1 counted everything that was stored before batches recorded a version.
CHANGES: dict[int, dict[str, Description]] = {
    2: {
        'en': Description(
            'Counting rules: static files and health checks no longer count',
            "Files of the web pages (skipped as static), health checks and the portal's own traffic (ignored), and lines "
            'without a request (no_request) are no longer counted. More crawlers, televisions and tablets are recognized. '
            'Escapes in paths and accounts are undone. Data sets are also found below a language or a root path, and '
            "CKAN's own pages name none.",
        ),
        'fr': Description(
            'Comptage : fichiers statiques et contrôles de santé exclus',
            'Les fichiers des pages web (static), les contrôles de santé et le trafic propre du portail (ignored), et les '
            "lignes sans requête (no_request) ne sont plus comptés. Davantage de robots d'indexation, de téléviseurs et de "
            "tablettes sont reconnus. Les séquences d'échappement des chemins et des comptes sont décodées. Les jeux de données "
            "sont aussi reconnus sous une langue ou une racine ; les pages propres de CKAN n'en nomment aucun.",
        ),
    },
}
EARLIEST = 1
VERSION = max(CHANGES)


def event_id(version: int) -> str:
    """The id of the event that an upgrade to this version adds; no other event has it."""
    return f'rules-{version}'


def descriptions(language: str) -> dict[str, Description]:
    """What each version changed, by the id of its event. `language` is 'en' or 'fr'."""
    return {event_id(version): texts[language] for version, texts in CHANGES.items()}
