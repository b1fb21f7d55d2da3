"""Numbers the file of each download, so that downloads can be counted: one caller, one file, one clock hour.

The rule is that of COUNTER for research data, https://github.com/Project-Counter/coprd (processing rules): however many requests
an item takes within an hour, it is one request for it.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b
from urllib.parse import unquote_plus

import polars as pl
import xxhash

from exporter.enrich.memo import Memo
from exporter.model.call import Action

NO_FILE = 0  # of a call that is no download
ANSWERED = (200, 206, 304)  # statuses: with the file, with a part of it, or without it, since the caller has it
REDIRECTED = (302, 303, 307, 308)
# Parameters that differ from request to request for one file: signatures of object stores, API keys, jQuery's time.
SIGNATURES = (
    'x-(?:amz|goog|oss)-[^=&]*|awsaccesskeyid|googleaccessid|ossaccesskeyid|signature|expires|policy|key-pair-id|token|access_token'
    '|apikey|api_key|api-key|_'
)
# https://learn.microsoft.com/rest/api/storageservices/create-service-sas: these sign where `sig` is one of the parameters
AZURE = 'sv|ss|srt|sr|st|se|sp|sip|spr|sig|skoid|sktid|skt|ske|sks|skv'
AZURE_SIGNATURE = re.compile('(?i)(?:^|&)sig=')


class Downloads:
    """Numbers the files that callers get. One thread at a time may call it.

    `parameters` of queries name accounts. `redirects` says whether a redirect is a download: only where the file behind it is
    not logged.
    """

    def __init__(self, parameters: Sequence[str], redirects: bool, visitor_secret: bytes) -> None:
        dropped = '|'.join((SIGNATURES, *map(re.escape, parameters)))
        self.dropped = re.compile(dropped, re.IGNORECASE)
        self.dropped_of_azure = re.compile(f'{dropped}|{AZURE}', re.IGNORECASE)
        # most queries have none of them: only the others, those with encoded names and those with empty parts are taken apart
        self.may_have_dropped = rf'(?i)(?:^|&)(?:{dropped}|sig|[^=&]*%[^=&]*|)(?:[=&]|$)'
        statuses = ANSWERED + REDIRECTED * redirects
        self.is_download = (
            (pl.col('action') == Action.DOWNLOAD.value)
            & pl.col('method').is_in(('GET', ''))
            & (pl.col('status').is_in(statuses) | pl.col('status').is_null())
        )
        self.seed = int.from_bytes(blake2b(key=visitor_secret, digest_size=8, person=b'file').digest())
        self.numbers = Memo(self._number)

    def __call__(self, calls: pl.DataFrame) -> pl.Series:
        """The number of the file that each call gets (`file`, UInt32), NO_FILE if it gets none.

        `calls` has `method`, `path` (without a query), `query` (null: none), `status`, `dataset_id` and `action`. A method or a
        status that is not known may be a download's.
        """
        files = pl.Series('file', [NO_FILE], pl.UInt32).new_from_index(0, len(calls))
        rows = calls.select(self.is_download).to_series().arg_true()
        if rows.is_empty():
            return files
        queries = calls['query'][rows].fill_null('')
        if (signed := queries.str.contains(self.may_have_dropped).arg_true()).len():
            queries = queries.scatter(signed, [self._without_dropped(query) for query in queries[signed].to_list()])
        names = pl.select(pl.concat_str(calls['dataset_id'][rows].cast(pl.String), calls['path'][rows], queries, separator='\n'))
        return files.scatter(rows, self.numbers(names.to_series())['file'])

    def _without_dropped(self, query: str) -> str:
        dropped = self.dropped_of_azure if AZURE_SIGNATURE.search(query) else self.dropped
        return '&'.join(part for part in query.split('&') if part and not dropped.fullmatch(unquote_plus(part.partition('=')[0])))

    def _number(self, names: pl.Series) -> pl.DataFrame:
        """A keyed 32-bit hash of each name (XXH3), which does not reveal the name; never NO_FILE.

        It only tells apart the files that one caller gets within one hour, of which 100 collide once in a million times.
        """
        hashes = [xxhash.xxh3_64_intdigest(name, self.seed) & 0xFFFFFFFF for name in names.cast(pl.Binary).to_list()]
        return pl.DataFrame({'file': pl.Series([hashed or 1 for hashed in hashes], dtype=pl.UInt32)})
