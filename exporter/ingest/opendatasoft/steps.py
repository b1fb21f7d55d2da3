"""The steps from rows of a workspace to complete calls: those of the pipeline as far as they apply, and some of their own."""

import polars as pl

from exporter.enrich.downloads import NO_FILE
from exporter.enrich.enrichment import Enrichment
from exporter.enrich.memo import Memo
from exporter.enrich.visitor import hidden_visitors
from exporter.ingest import pipeline
from exporter.ingest.formats import Lines
from exporter.ingest.pipeline import Step
from exporter.model.call import Client, categorical, is_category
from exporter.model.reject import Skip

AGENT = 'usage-exporter-pull/'  # begins the user agent of a pull
UNKNOWN_COUNTRY = 'ZZ'  # of a place that is known by its coordinates only (Unicode CLDR: unknown region)


def clean_names(lines: Lines, enrichment: Enrichment) -> Lines:
    """Cleans accounts, and data sets as categories."""
    requests, calls = enrichment.requests, lines.calls
    accounts = requests.find_accounts.user_accounts(calls['user_id'])['user_id']
    return lines._replace(calls=calls.with_columns(accounts, requests.given_datasets(calls['dataset_id'])['dataset_id']))


def number_files(lines: Lines, enrichment: Enrichment) -> Lines:
    """Adds the file of each download that did not fail: its data set, the name of the call and the format."""
    calls = lines.calls
    files = enrichment.requests.find_files(calls.with_columns(query=pl.lit(None, pl.String)))
    return lines._replace(calls=calls.with_columns(file=files.set(calls['failed'] == 1, NO_FILE)))


def skip_own(lines: Lines, enrichment: Enrichment) -> Lines:
    """Skips the calls of pulls, and the paths that the setting `ignore` leaves out."""
    ignored = lines.calls['user_agent'].str.starts_with(AGENT)
    if paths := enrichment.requests.read_paths.ignored_paths:
        ignored |= lines.calls['path'].str.contains(paths)
    if not ignored.any():
        return lines
    skipped = lines.calls.filter(ignored).select('line', reason=pl.lit(Skip.IGNORED.value))
    return lines._replace(calls=lines.calls.filter(~ignored), skipped=pl.concat([lines.skipped, skipped]))


def identify_hidden(lines: Lines, enrichment: Enrichment) -> Lines:
    """Tells visitors whose address is hidden apart by what is there of it, with the user agent.

    No audience has them by their address.
    """
    rows = lines.calls['hidden'].arg_true()
    if rows.is_empty():
        return lines
    texts = lines.calls[rows].select(pl.concat_str(pl.col('ip', 'user_agent').cast(pl.String), separator='\n')).to_series()
    memo = Memo(lambda distinct: hidden_visitors(distinct, enrichment.visitor_key).to_frame())
    calls = lines.calls.with_columns(lines.calls['visitor'].scatter(rows, memo(texts)['visitor']))
    if enrichment.audiences:
        calls = calls.with_columns(calls['address_audience'].set(calls['hidden'], enrichment.audiences.public))
    return lines._replace(calls=calls)


def locate_by_coordinates(lines: Lines, _: Enrichment) -> Lines:
    """Adds the place of the coordinates where the address has none."""
    calls = lines.calls
    located = (
        is_category(calls['country'], '')
        & calls['longitude_of_row'].is_between(-180, 180)
        & calls['latitude_of_row'].is_between(-90, 90)
        & ((calls['longitude_of_row'] != 0) | (calls['latitude_of_row'] != 0))
    ).fill_null(False)
    if located.any():
        unknown = pl.Series('country', [UNKNOWN_COUNTRY], categorical('country')).new_from_index(0, len(calls))
        calls = calls.with_columns(
            calls['country'].zip_with(~located, unknown),
            calls['latitude'].zip_with(~located, calls['latitude_of_row'].round(2)),
            calls['longitude'].zip_with(~located, calls['longitude_of_row'].round(2)),
        )
    return lines._replace(calls=calls)


def mark_bots(lines: Lines, _: Enrichment) -> Lines:
    """Takes callers for crawlers that the platform takes for robots, unless they use an account."""
    calls = lines.calls
    bots = calls['bot'] & is_category(calls['user_id'], '')
    if not bots.any():
        return lines
    crawler = pl.Series('client', [Client.CRAWLER.value], categorical('client')).new_from_index(0, len(calls))
    return lines._replace(calls=calls.with_columns(calls['client'].zip_with(~bots, crawler)))


STEPS: tuple[Step, ...] = (
    clean_names,
    number_files,
    skip_own,
    pipeline.name_referrers,
    pipeline.number_texts,
    pipeline.skip_ignored,
    pipeline.locate_callers,
    identify_hidden,
    locate_by_coordinates,
    pipeline.classify_agents,
    mark_bots,
    pipeline.find_audiences,
    pipeline.find_local_days,
)
