"""Every version of the counting rules says what it changed, in both languages."""

import pytest

from exporter.model.counting_rules import CHANGES, EARLIEST, VERSION, descriptions, event_id
from exporter.report.terminal import LANGUAGES


def test_versions_follow_each_other() -> None:
    assert list(CHANGES) == list(range(EARLIEST + 1, VERSION + 1))


@pytest.mark.parametrize('language', LANGUAGES)
def test_a_version_has_a_title_and_a_text_of_one_line(language: str) -> None:
    assert list(descriptions(language)) == [event_id(version) for version in CHANGES]
    for title, text in descriptions(language).values():
        assert title.strip()
        assert text.strip()
        assert not set('\n$') & set(title + text)  # Grafana would replace $ in a query


def test_every_version_is_translated() -> None:
    for texts in CHANGES.values():
        assert set(texts) == set(LANGUAGES)
        assert len({description.title for description in texts.values()}) == len(LANGUAGES)
