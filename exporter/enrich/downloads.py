"""Numbers the file of each download, so that downloads can be counted: one caller, one file, one clock hour.

The rule is that of COUNTER for research data, https://github.com/Project-Counter/coprd (processing rules): however many requests
an item takes within an hour, it is one request for it.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b
from urllib.parse import unquote_plus

import polars as pl

from exporter.enrich.memo import Memo
from exporter.model.call import Action, is_category

NO_FILE = 0  # of a call that is no download
ANSWERED = (200, 206, 304)  # statuses: with the file, with a part of it, or without it, since the caller has it
REDIRECTED = (302, 303, 307, 308)
# Parameters that differ from request to request for one file: signatures of object stores, API keys, jQuery's time.
SIGNATURES = (
    'x-(?:amz|goog|oss)-.*|awsaccesskeyid|googleaccessid|ossaccesskeyid|signature|expires|policy|key-pair-id|token|access_token'
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
        self.statuses = ANSWERED + REDIRECTED * redirects
        self.visitor_secret = visitor_secret
        self.numbers = Memo(self._number)

    def __call__(self, calls: pl.DataFrame) -> pl.Series:
        """The number of the file that each call gets (`file`, UInt32), NO_FILE if it gets none.

        `calls` has `method`, `path` (without a query), `query` (null: none), `status`, `dataset_id` and `action`. A method or a
        status that is not known may be a download's.
        """
        files = pl.Series('file', [NO_FILE], pl.UInt32).new_from_index(0, len(calls))
        rows = is_category(calls['action'], Action.DOWNLOAD).arg_true()
        downloads = calls[rows]
        gets = downloads.select(
            pl.col('method').is_in(('GET', '')) & (pl.col('status').is_in(self.statuses) | pl.col('status').is_null())
        ).to_series()
        rows, downloads = rows.filter(gets), downloads.filter(gets)
        if downloads.is_empty():
            return files
        texts = downloads.select(
            pl.concat_str(pl.col('dataset_id').cast(pl.String), 'path', pl.col('query').fill_null(''), separator='\n')
        ).to_series()
        return files.scatter(rows, self.numbers(texts)['file'])

    def _number(self, texts: pl.Series) -> pl.DataFrame:
        return pl.DataFrame(
            {'file': [number(self._name(text), self.visitor_secret) for text in texts.to_list()]}, {'file': pl.UInt32}
        )

    def _name(self, text: str) -> str:
        """The data set, path and query, without the parameters that differ from request to request."""
        file, _, query = text.rpartition('\n')
        if not query:
            return file
        dropped = self.dropped_of_azure if AZURE_SIGNATURE.search(query) else self.dropped
        kept = [each for each in query.split('&') if each and not dropped.fullmatch(unquote_plus(each.partition('=')[0]))]
        return f'{file}\n{"&".join(kept)}' if kept else file


def number(file: str, visitor_secret: bytes) -> int:
    """A keyed 32-bit hash of a file's name (BLAKE2b), which does not reveal the name; never NO_FILE.

    It only tells apart the files that one caller gets within one hour, of which 100 collide once in a million times.
    """
    digest = blake2b(file.encode(errors='surrogateescape'), key=visitor_secret, digest_size=4, person=b'file').digest()
    return int.from_bytes(digest) or 1
