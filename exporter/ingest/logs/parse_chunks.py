"""Parses the chunks of an access log; refuses a file that is not an access log."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from exporter.errors import InputError
from exporter.ingest.formats import Lines
from exporter.ingest.formats.lines import normalize_line_ends
from exporter.ingest.formats.reader import LogReader
from exporter.ingest.logs.batches import Chunk
from exporter.ingest.logs.foreign import NoLog
from exporter.ingest.pipeline import ParsedChunk
from exporter.ingest.split import EVERY_LINE, Share
from exporter.model.batch import Batch


class Others:
    """The lines of several chunks that are not usual: reading them together costs much less."""

    def __init__(self) -> None:
        self.texts = list[list[str]]()  # by chunk
        self.starts = list[int]()  # the byte offset of each line

    def add(self, others: pl.DataFrame, chunk_start: int) -> None:
        """Keeps other lines of a chunk, as in `Usual`."""
        self.texts.append(others['text'].to_list())
        self.starts += (others['start'] + chunk_start).to_list()

    def parse(self, reader: LogReader, batch: Batch | None) -> ParsedChunk:
        """Parses the lines and forgets them."""
        texts, starts = self.texts, self.starts
        self.texts, self.starts = [], []
        lines = reader.read_others(texts, datetime.now(UTC))
        return ParsedChunk(lines, batch, text='\n'.join(text for of_chunk in texts for text in of_chunk).encode(), starts=starts)


def parse_chunks(
    chunks: Iterable[tuple[Chunk, Batch | None]], name: str, reader: LogReader, share: Share = EVERY_LINE
) -> Iterator[ParsedChunk]:
    """Parses the chunks of the log `name`, and yields the lines of a share. Each batch records the format in which it begins, and
    is read again in it.

    Raises NoLog if no line of the log's first chunk is in a format.
    """
    for parsed in _parse(chunks, name, reader):
        yield parsed._replace(lines=share.select(parsed.lines))


def _parse(chunks: Iterable[tuple[Chunk, Batch | None]], name: str, reader: LogReader) -> Iterator[ParsedChunk]:
    begins_in = ''
    others = Others()
    for chunk, batch in chunks:
        if chunk.format and reader.is_auto:
            reader.resume(chunk.format)
        begins_in = begins_in or reader.name
        text = normalize_line_ends(chunk.lines)
        if usual := reader.read_usual(text, datetime.now(UTC)):
            lines = Lines(usual.calls)
            if len(usual.others):
                others.add(usual.others, chunk.start)
        else:
            if others.starts:
                yield others.parse(reader, None)
            try:
                lines = reader.read(text, datetime.now(UTC), name, chunk.first)
            except InputError as error:
                raise _no_log(name, text) or NoLog(error.what, error.remedy) from None
        begins_in = begins_in or reader.name
        batch = replace(batch, format=begins_in) if batch else None
        is_last = batch is not None and bool(others.starts)
        yield ParsedChunk(lines, None if is_last else batch, chunk.start, text)
        if batch:
            if others.starts:
                yield others.parse(reader, batch)
            begins_in = ''


def _no_log(name: str, text: bytes) -> NoLog | None:
    first_line = text.partition(b'\n')[0][:60]
    if not first_line.isascii() or any(byte < 32 for byte in first_line.strip()):
        return NoLog(f'{name}: this is not text', 'import an access log')
    return None
