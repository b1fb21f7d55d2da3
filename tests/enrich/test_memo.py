"""An expensive question is asked once for each distinct text, and every row gets the result of its own text."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.enrich.memo import CHUNKS, Memo


class Question:
    """The length of a text and the text backwards; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: pl.Series) -> pl.DataFrame:
        self.asked += texts.to_list()
        return pl.DataFrame(
            {'length': [len(text) for text in texts], 'back': [text[::-1] for text in texts]},
            {'length': pl.Int64(), 'back': pl.String()},
        )


def answers(texts: list[str]) -> list[tuple[int, str]]:
    return [(len(text), text[::-1]) for text in texts]


def series(texts: list[str]) -> pl.Series:
    return pl.Series('text', texts, dtype=pl.String)


TEXTS = st.lists(st.sampled_from(['', 'a', 'b', 'ab', '\0', 'é', '-']) | st.text(max_size=3), max_size=12)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=CHUNKS + 4), st.integers(0, 9))
def test_every_row_has_the_answer_to_its_text(batches: list[list[str]], remembered: int) -> None:
    question = Question()
    memo = Memo(question, remembered)
    for batch in batches:
        assert memo(series(batch)).rows() == answers(batch)


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=CHUNKS + 4))
def test_each_text_is_asked_once(batches: list[list[str]]) -> None:
    question = Question()
    memo = Memo(question)
    for batch in batches:
        memo(series(batch))
    assert sorted(question.asked) == sorted({text for batch in batches for text in batch})


def test_the_memory_is_bounded() -> None:
    question = Question()
    memo = Memo(question, remembered=100)
    for start in range(0, 1_000, 50):
        batch = [str(number) for number in range(start, start + 50)]
        assert memo(series(batch)).rows() == answers(batch)
        assert len(memo.results) <= 150
    assert len(question.asked) == 1_000


def test_two_questions_do_not_share_their_numbers() -> None:
    one, other = Memo(Question()), Memo(Question())
    assert one(series(['a', 'bc'])).rows() == answers(['a', 'bc'])
    assert other(series(['def', 'bc', 'a'])).rows() == answers(['def', 'bc', 'a'])
    assert one(series(['def'])).rows() == answers(['def'])


def test_after_a_question_that_failed_every_row_has_the_answer_to_its_text() -> None:
    ask = Question()

    def failing(texts: pl.Series) -> pl.DataFrame:
        if 'odd' in texts.to_list():
            raise ValueError('odd')
        return ask(texts)

    memo = Memo(failing)
    assert memo(series(['a'])).rows() == answers(['a'])
    with pytest.raises(ValueError, match='odd'):
        memo(series(['odd', 'bb']))
    assert memo(series(['ccc', 'a', 'bb'])).rows() == answers(['ccc', 'a', 'bb'])
