"""An expensive function is computed once for each distinct text, and every row gets the result of its own text."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.enrich.memo import CHUNKS, Memo


class Computation:
    """The length of a text and the text reversed; records its arguments."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: pl.Series) -> pl.DataFrame:
        self.texts += texts.to_list()
        return pl.DataFrame(
            {'length': [len(text) for text in texts], 'back': [text[::-1] for text in texts]},
            {'length': pl.Int64(), 'back': pl.String()},
        )


def expected(texts: list[str]) -> list[tuple[int, str]]:
    return [(len(text), text[::-1]) for text in texts]


def series(texts: list[str]) -> pl.Series:
    return pl.Series('text', texts, dtype=pl.String)


TEXTS = st.lists(st.sampled_from(['', 'a', 'b', 'ab', '\0', 'é', '-']) | st.text(max_size=3), max_size=12)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=CHUNKS + 4), st.integers(0, 9))
def test_every_row_has_the_result_of_its_text(batches: list[list[str]], remembered: int) -> None:
    computation = Computation()
    memo = Memo(computation, remembered)
    for batch in batches:
        assert memo(series(batch)).rows() == expected(batch)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=CHUNKS + 4))
def test_each_text_is_computed_once(batches: list[list[str]]) -> None:
    computation = Computation()
    memo = Memo(computation)
    for batch in batches:
        memo(series(batch))
    assert sorted(computation.texts) == sorted({text for batch in batches for text in batch})


def test_the_memory_is_bounded() -> None:
    computation = Computation()
    memo = Memo(computation, remembered=100)
    for start in range(0, 1_000, 50):
        batch = [str(number) for number in range(start, start + 50)]
        assert memo(series(batch)).rows() == expected(batch)
        assert len(memo.results) <= 150
    assert len(computation.texts) == 1_000


def test_two_memos_do_not_share_numbers() -> None:
    first, second = Memo(Computation()), Memo(Computation())
    assert first(series(['a', 'bc'])).rows() == expected(['a', 'bc'])
    assert second(series(['def', 'bc', 'a'])).rows() == expected(['def', 'bc', 'a'])
    assert first(series(['def'])).rows() == expected(['def'])


def test_after_an_error_every_row_has_the_result_of_its_text() -> None:
    compute = Computation()

    def failing(texts: pl.Series) -> pl.DataFrame:
        if 'odd' in texts.to_list():
            raise ValueError('odd')
        return compute(texts)

    memo = Memo(failing)
    assert memo(series(['a'])).rows() == expected(['a'])
    with pytest.raises(ValueError, match='odd'):
        memo(series(['odd', 'bb']))
    assert memo(series(['ccc', 'a', 'bb'])).rows() == expected(['ccc', 'a', 'bb'])
