"""The demo's calls are deterministic and realistic enough for the seven indicators."""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from ipaddress import ip_address
from statistics import mean, median
from zoneinfo import ZoneInfo

import iptocc
import polars as pl
import pytest
from files import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from user_agents import parse

from exporter.ingest.demo import traffic
from exporter.model.call import SOURCE_COLUMNS

ZONE = ZoneInfo(traffic.TIMEZONE)
LAST = date(2026, 11, 23)
DATASET = r'/(?:datasets?)/([^/?]+)'
FINGERPRINT = """
import datetime, hashlib
from exporter.ingest.demo import traffic
day = traffic.day_of_calls(datetime.date(2026, 11, 17))
print(hashlib.sha256(day.write_csv().encode()).hexdigest())
"""


@pytest.fixture(scope='module')
def month() -> dict[date, pl.DataFrame]:
    days = [LAST - timedelta(back) for back in reversed(range(traffic.DAYS))]
    return {day: traffic.day_of_calls(day) for day in days}


@pytest.fixture(scope='module')
def calls(month: dict[date, pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(month.values())


@settings(max_examples=10, deadline=None)
@given(st.dates(date(2024, 1, 1), date(2040, 12, 31)))
def test_day_has_the_columns_of_a_source(when: date) -> None:
    day = traffic.day_of_calls(when)
    assert dict(day.schema) == SOURCE_COLUMNS
    assert day.null_count().sum_horizontal().item() == 0
    assert day['timestamp'].is_sorted()
    assert not day.select(pl.any_horizontal(pl.col('ip', 'user_agent', 'path') == '').any()).item()
    assert not day['path'].str.contains('{', literal=True).any()


@pytest.mark.slow
def test_day_is_the_same_in_every_process_and_any_order(month: dict[date, pl.DataFrame]) -> None:
    here = month[date(2026, 11, 17)]
    assert traffic.day_of_calls(date(2026, 11, 17)).equals(here)
    root = str(ROOT)
    for seed in ('1', '2'):
        environment = os.environ | {'PYTHONHASHSEED': seed, 'PYTHONPATH': root}
        elsewhere = subprocess.run([sys.executable, '-c', FINGERPRINT], env=environment, capture_output=True, check=True)
        assert elsewhere.stdout.decode().strip() == hashlib.sha256(here.write_csv().encode()).hexdigest()


@pytest.mark.parametrize(('day', 'hours'), [(date(2026, 11, 16), 24), (date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_calls_fill_the_local_day_and_stay_in_it(day: date, hours: int) -> None:
    moments = traffic.day_of_calls(day)['timestamp']
    assert set(moments.dt.convert_time_zone(traffic.TIMEZONE).dt.date()) == {day}
    assert moments.dt.truncate('1h').n_unique() == hours
    assert moments.dt.millisecond().n_unique() > 900  # not whole seconds


def test_weekends_are_quiet(month: dict[date, pl.DataFrame]) -> None:
    usual = [len(calls) for day, calls in month.items() if day.weekday() < 5 and not _after_an_event(day)]
    weekend = [len(calls) for day, calls in month.items() if day.weekday() >= 5]
    assert all(8_000 <= calls <= 15_000 for calls in usual)
    assert 0.35 < mean(weekend) / mean(usual) < 0.55


def test_people_sleep_and_have_lunch(calls: pl.DataFrame) -> None:
    people = calls.filter(pl.col('user_agent').str.contains('Firefox|Safari'))
    hours = people['timestamp'].dt.convert_time_zone(traffic.TIMEZONE).dt.hour().value_counts()
    by_hour = dict(hours.iter_rows())
    assert by_hour[3] < by_hour[10] / 10
    assert by_hour[12] < 0.8 * min(by_hour[10], by_hour[15])


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.dates(date(2024, 1, 1), date(2040, 12, 31)))
def test_every_month_and_every_fortnight_has_an_event_with_a_peak(today: date) -> None:
    events = traffic.events(today)
    starts = [event.start.date() for event in events]
    assert starts == sorted(starts)
    assert today - timedelta(traffic.DAYS) < starts[0]
    assert today - timedelta(14) < starts[-1] <= today
    assert all(event.end - event.start == timedelta(3) and event.start.tzinfo == ZONE for event in events)
    event, day = events[-1], starts[-1]
    usual = median(len(traffic.day_of_calls(day + timedelta(days))) for days in (-7, 7))
    peak = traffic.day_of_calls(day).with_columns(dataset=pl.col('path').str.extract(DATASET))
    assert len(peak) >= 1.8 * usual
    requested = peak['dataset'].drop_nulls().value_counts(sort=True)
    assert requested['dataset'][0] in event.tags
    assert requested['count'][0] > 4 * requested['count'][1]
    assert peak.filter(pl.col('dataset').is_in(event.tags))['timestamp'].min() >= event.start  # type: ignore[operator]


def test_data_set_is_still_requested_after_its_event(month: dict[date, pl.DataFrame]) -> None:
    (dataset,) = set(traffic.events(date(2026, 11, 12))[-1].tags) - {'data set'}
    assert month[date(2026, 11, 3)]['path'].str.contains(dataset).sum() > month[LAST]['path'].str.contains(dataset).sum()
    assert month[LAST]['path'].str.contains(dataset).sum() > 0


@pytest.mark.parametrize('days', [1, 14, 30])
def test_most_users_are_anonymous(month: dict[date, pl.DataFrame], days: int) -> None:
    period = pl.concat(list(month.values())[-days:]).filter(~pl.col('user_agent').str.contains('(?i)bot'))
    anonymous = period.filter(user_id='')['ip'].n_unique()
    accounts = period.filter(pl.col('user_id') != '')['user_id'].n_unique()
    assert 0.80 < anonymous / (anonymous + accounts) < 0.97
    assert accounts <= 60


def test_some_visitors_return_and_some_are_new_each_day(month: dict[date, pl.DataFrame]) -> None:
    *before, last = (set(calls.filter(user_id='')['ip']) for calls in month.values())
    seen_before = set().union(*before)
    assert len(last & seen_before) > 5 * len(last - seen_before) > 0


def test_phones_and_tablets_are_a_fair_part_and_televisions_none(calls: pl.DataFrame) -> None:
    agents = dict(calls['user_agent'].value_counts().iter_rows())
    kinds = {agent: parse(agent) for agent in agents}
    users = sum(count for agent, count in agents.items() if not kinds[agent].is_bot)
    mobile = sum(count for agent, count in agents.items() if kinds[agent].is_mobile or kinds[agent].is_tablet)
    assert 0.05 < mobile / users < 0.40
    assert {kind.browser.family for kind in kinds.values() if kind.is_bot} >= {'Googlebot', 'bingbot', 'GPTBot'}
    assert len(agents) > 36


def test_calls_come_from_many_countries_and_most_from_home(calls: pl.DataFrame) -> None:
    addresses = dict(calls['ip'].value_counts().iter_rows())
    countries = dict(zip(addresses, iptocc.country_code(list(addresses)), strict=True))
    assert len(set(countries.values())) >= 40
    assert 0.5 < sum(countries[ip] == 'FR' for ip in addresses) / len(addresses) < 0.65
    for ip, country in countries.items():
        assert ip_address(ip).is_global if country else ip.startswith('10.'), ip
    assert 0.01 < sum(addresses[ip] for ip in addresses if not countries[ip]) / len(calls) < 0.06
    assert 0.02 < sum(':' in ip for ip in addresses) / len(addresses) < 0.2


def test_requests_and_responses(calls: pl.DataFrame) -> None:
    datasets = calls['path'].str.extract(DATASET).drop_nulls().value_counts(sort=True)
    assert len(datasets) >= 40
    assert datasets['count'][0] > 8 * datasets['count'][-1]
    statuses = dict(calls['status'].value_counts().iter_rows())
    assert statuses[200] / len(calls) > 0.9
    assert set(statuses) == {200, 206, 304, 400, 404, 429, 500, 503}
    assert calls.filter(status=206)['path'].str.starts_with('/files/').all()
    assert set(calls['method']) == {'GET', 'POST'}
    assert ((calls['method'] == 'POST') == calls['path'].str.contains('/push/')).all()
    assert set(calls.filter(status=429)['user_id']) == {'prix-immo'}
    assert calls.filter(status=304)['bytes'].sum() == 0
    assert calls['duration_ms'].min() > 0  # type: ignore[operator]


@settings(max_examples=30, deadline=None)
@given(st.dates(date(2024, 1, 1), date(2040, 12, 31)))
def test_the_catalogue_has_every_data_set_and_some_that_are_new(today: date) -> None:
    datasets = {dataset.id: dataset for dataset in traffic.catalogue_of(today)}
    assert datasets.keys() >= set(traffic.DATASETS)
    names = [name for dataset in datasets.values() for name in (dataset.id, *dataset.names)]
    assert len(set(names)) == len(names) == 3 * len(datasets)
    assert 5 <= len({dataset.publisher for dataset in datasets.values()}) <= 8
    assert all(dataset.title and dataset.theme and dataset.created and dataset.created <= today for dataset in datasets.values())
    last = traffic.events(today)[-1]
    assert [dataset.created for dataset in datasets.values() if dataset.id in last.tags] == [last.start.date()]
    new = {dataset.id for dataset in datasets.values() if dataset.created and dataset.created > today - timedelta(84)}
    assert len(new) >= 8
    assert new - set(traffic.DATASETS), 'some are new and have no calls'


def test_largest_accounts_are_different(calls: pl.DataFrame) -> None:
    tally = calls.filter(pl.col('user_id') != '')['user_id'].value_counts(sort=True)['count']
    assert all(tally[place] > 1.15 * tally[place + 1] for place in range(5))


def test_a_visitors_calls_come_in_short_bursts(calls: pl.DataFrame) -> None:
    people = calls.filter(pl.col('user_id').str.contains('.', literal=True)).sort('user_id', 'timestamp')
    pause = (people['timestamp'].diff() > timedelta(minutes=20)) | (people['user_id'] != people['user_id'].shift())
    assert 4 < len(people) / pause.fill_null(True).sum() < traffic.LONGEST


def _after_an_event(day: date) -> bool:
    noon = datetime.combine(day, time(12), UTC)
    return any(event.start <= noon < event.end + timedelta(1) for event in traffic.events(LAST))
