"""Decides whether a visitor has one hash on all portals: an installation keeps what its stored calls have."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from exporter.config import Settings
from exporter.enrich.visitor import VisitorKey, has_key_per_portal, load_visitor_secret
from exporter.errors import EngineError
from exporter.store import schema
from exporter.store.clickhouse import NO_DATABASE, ClickHouse
from exporter.store.ledger import Ledger
from exporter.system.files import write


def choose(settings: Settings, connect: Callable[[], ClickHouse]) -> VisitorKey:
    """The key of the hashes of visitors.

    The setting `shared_visitors` decides where it is set. Otherwise the file of the secret does: that of a new installation says
    that each portal has a key of its own. With USAGE_SECRET there is no such file: then what `remember` noted decides, or else
    the last calls that were stored with this secret.

    Raises SettingsError for an invalid secret, EngineError if only the database can tell and it does not answer.
    """
    secret = settings.secret.get_secret_value() if settings.secret else None
    key = load_visitor_secret(settings.data_dir, secret)
    shared, per_portal = VisitorKey(key, True), VisitorKey(key, False)
    if 'shared_visitors' in settings.model_fields_set:
        return shared if settings.shared_visitors else per_portal
    if not secret:
        return per_portal if has_key_per_portal(settings.data_dir) else shared
    ids = shared.id, per_portal.id
    noted = _noted(settings.data_dir)
    return shared if (noted if noted in ids else _last(connect, ids)) == shared.id else per_portal


def remember(settings: Settings, key: VisitorKey) -> None:
    """Notes the key of a USAGE_SECRET, so that `serve` can start without the database. Raises OSError."""
    if settings.secret and _noted(settings.data_dir) != key.id:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(_note(settings.data_dir), key.id.encode())


def _note(data_dir: Path) -> Path:
    return data_dir / 'visitor-key'


def _noted(data_dir: Path) -> str:
    try:
        return _note(data_dir).read_text(errors='replace')
    except OSError:
        return ''


def _last(connect: Callable[[], ClickHouse], ids: tuple[str, str]) -> str:
    """Which of two keys the last calls were stored with; '' if none were."""
    try:
        with closing(connect()) as database:
            return Ledger(database).last_key_id(ids) if schema.applied(database) else ''
    except EngineError as error:
        if error.code == NO_DATABASE:
            return ''
        raise EngineError(
            f'{error.what}, and only its calls tell whether visitors have one hash on all portals',
            'start or correct the database, or set USAGE_SHARED_VISITORS as docs/privacy.md says',
            error.code,
        ) from error
