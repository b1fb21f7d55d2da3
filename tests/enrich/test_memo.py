"""An expensive function is computed once for each distinct text, and every row gets the result of its own text."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.enrich.memo import CHUNKS, Dictionary, Memo


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


def test_a_dictionary_numbers_texts_in_the_order_in_which_they_come() -> None:
    dictionary = Dictionary()
    columns = [['b', '', 'a', 'b'], [], ['c', 'a', '\0'], ['\0', 'é']]
    numbered = [dictionary(series(texts)) for texts in columns]
    assert [column.to_physical().to_list() for column in numbered] == [[0, 1, 2, 0], [], [3, 2, 4], [4, 5]]
    assert [column.cast(pl.String).to_list() for column in numbered] == columns
    assert len({column.dtype for column in numbered}) == 1
    assert {column.name for column in numbered} == {'text'}


def test_a_full_dictionary_begins_again_and_earlier_columns_keep_their_texts() -> None:
    dictionary, columns = (
        Dictionary(remembered=100),
        [[str(start + number) for number in range(40)] for start in range(0, 1_000, 40)],
    )
    numbered = [dictionary(series(texts)) for texts in columns]
    assert [column.cast(pl.String).to_list() for column in numbered] == columns
    assert all(max(column.to_physical().to_list()) < 140 for column in numbered)
    assert len({column.dtype for column in numbered}) == 9  # one for each three columns, the first of 101 texts or more


@settings(deadline=None)
@given(
    st.lists(st.tuples(TEXTS, st.sampled_from(['numbered', 'some', 'earlier', 'texts'])), max_size=2 * CHUNKS), st.integers(0, 9)
)
def test_columns_of_any_dictionary_can_be_asked_in_any_order(batches: list[tuple[list[str], str]], remembered: int) -> None:
    """A step may see a part of the numbers only, a dictionary may be replaced, and texts may come without a number."""
    dictionary, memo = Dictionary(remembered), Memo(Computation(), remembered)
    earlier: list[list[str]] = [['a', 'b']]
    columns = [dictionary(series(earlier[0]))]
    for texts, kind in batches:
        column = dictionary(series(texts))
        match kind:
            case 'some':
                texts, column = texts[1::2], column.gather_every(2, 1)
            case 'earlier':
                texts, column = earlier[len(earlier) // 2], columns[len(columns) // 2]
            case 'texts':
                column = series(texts)
        assert memo(column).rows() == expected(texts)
        earlier.append(texts)
        columns.append(column)


def test_the_memory_is_bounded_by_a_dictionary() -> None:
    """Also if only the last numbers of each dictionary are asked for."""
    computation, dictionary = Computation(), Dictionary(remembered=100)
    memo = Memo(computation)
    for start in range(0, 1_000, 50):
        column = dictionary(series([str(number) for number in range(start, start + 50)]))
        assert memo(column[-5:]).rows() == expected([str(number) for number in range(start + 45, start + 50)])
        assert len(memo.results) <= 15
        assert len(memo.rows) <= 150
    assert len(computation.texts) == 100


def test_each_text_of_a_dictionary_is_computed_once() -> None:
    computation, dictionary = Computation(), Dictionary()
    memo = Memo(computation)
    for texts in (['a', 'b', 'a'], ['c', 'b'], [], ['d', 'c', 'a']):
        memo(dictionary(series(texts)))
    assert computation.texts == ['a', 'b', 'c', 'd']
