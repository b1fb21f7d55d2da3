"""Draws the pictures of the README: the report of the demo, as a terminal (report.svg) and a browser (page.png) show it."""

import io
import os
import re
import shutil
import subprocess
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from exporter.commands.context import Context
from exporter.commands.demo import store
from exporter.commands.report import report
from exporter.config import PREFIX, PortalRules
from exporter.ingest.demo import traffic
from exporter.store.rejects import RejectStore

FILE = Path(__file__).with_name('report.svg')
PAGE = FILE.with_name('page.png')
SIZE = '1100,925'  # pixels of the browser's window: the upper part of the page
LAST_DAY = date(2026, 11, 22)
SECRET = 'the same for every picture'  # users are estimated from keyed hashes: with another key there are some more or fewer
WIDTH = 88  # characters
FONTS = re.compile(r'@font-face \{.*?\}', re.DOTALL)  # of another server: without them nothing is fetched to see the picture


def picture() -> str:
    """The report as SVG: the same bytes for the same dependencies.

    The environment names a database without calls, and SECRET as the secret.
    """
    context = Context(None)
    with context.database() as database:
        enrichment = context.enrichment(traffic.DOMAIN, PortalRules(timezone=traffic.TIMEZONE))
        store(database, context.ledger(database, enrichment), enrichment, RejectStore(context.settings.data_dir), LAST_DAY)
    context.out = Console(
        file=io.StringIO(),
        record=True,
        width=WIDTH,
        highlight=False,
        force_terminal=True,
        color_system='truecolor',
        no_color=False,
    )
    command = ['--domain', traffic.DOMAIN, '--to', f'{LAST_DAY}']
    report.main(command, obj=context, standalone_mode=False)
    return FONTS.sub('', context.out.export_svg(title=' '.join(['usage-exporter report', *command])))


def draw_page(folder: Path) -> None:
    """Writes the picture of the page, if chromium is installed. The environment names the database that `picture` filled."""
    page = folder / 'page.html'
    command = ['--domain', traffic.DOMAIN, '--to', f'{LAST_DAY}', '--format', 'html', '-o', str(page)]
    report.main(command, obj=Context(None), standalone_mode=False)
    if browser := shutil.which('chromium'):
        options = ['--headless', '--no-sandbox', '--hide-scrollbars', f'--window-size={SIZE}', f'--screenshot={PAGE}']
        subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True)


def main() -> None:
    """Writes the files."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    with TemporaryDirectory() as folder:
        os.environ |= {'USAGE_DATA_DIR': folder, 'USAGE_SECRET': SECRET}
        os.chdir(folder)  # no settings file is there
        FILE.write_text(picture(), encoding='utf-8')
        draw_page(Path(folder))


if __name__ == '__main__':
    main()
