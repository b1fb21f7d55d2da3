"""Each name means one data set, whatever the order in which a catalogue lists them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue import names
from exporter.catalogue.dataset import Dataset
from exporter.catalogue.names import Names
from exporter.errors import InputError

SHORT = st.sampled_from('abcdef')
DATASETS = st.lists(
    st.builds(
        Dataset,
        id=SHORT,
        names=st.lists(SHORT, max_size=3, unique=True).map(tuple),
        title=st.just('Trees'),
        created=st.just(None) | st.dates(date(2020, 1, 1), date(2020, 1, 3)),
        archived=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda dataset: dataset.id,
)


def resolved(datasets: list[Dataset]) -> dict[str, str]:
    """The data set of each name; fails if a name comes twice."""
    catalogue = Names('catalogue')
    for dataset in datasets:
        catalogue.add(dataset)
    pairs = list(catalogue.resolve())
    assert len(dict(pairs)) == len(pairs)
    return {name: dataset.id for name, dataset in pairs}


@given(DATASETS, st.randoms())
def test_every_name_means_one_data_set_in_any_order(datasets: list[Dataset], random: object) -> None:
    meaning = resolved(datasets)
    shuffled = sorted(datasets, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert resolved(shuffled + shuffled[:1]) == meaning
    ids = {dataset.id for dataset in datasets}
    assert all(meaning[one] == one for one in ids)
    assert set(meaning.values()) == ids
    claimed = {name for dataset in datasets for name in dataset.names}
    assert set(meaning) == ids | claimed


def test_a_shared_name_belongs_to_the_active_then_the_newest_data_set() -> None:
    old = Dataset('old', ('file',), created=date(2020, 1, 1))
    new = Dataset('new', ('file',), created=date(2021, 1, 1))
    archived = Dataset('archived', ('file',), created=date(2022, 1, 1), archived=True)
    assert resolved([new, archived, old])['file'] == 'new'
    assert resolved([archived, old])['file'] == 'old'
    assert resolved([archived])['file'] == 'archived'


def test_one_identifier_for_two_data_sets_is_an_error_that_names_both() -> None:
    with pytest.raises(InputError, match="two data sets have the identifier 'a': 'Trees' and 'Air'"):
        resolved([Dataset('a', title='Trees'), Dataset('a', title='Air')])


def test_a_data_set_that_changed_while_pages_were_read_is_one() -> None:
    before, after = Dataset('a', ('slug',), 'Trees'), Dataset('a', ('slug', 'new'), 'All trees')
    assert resolved([before, after]) == resolved([after, before])


def test_too_many_names_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, 'MOST_NAMES', 3)
    with pytest.raises(InputError, match='catalogue: more than 3 names of data sets; name a catalogue'):
        resolved([Dataset('a', ('b', 'c')), Dataset('d')])
