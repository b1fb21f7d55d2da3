"""Browsers and API clients are distinguished from crawlers, phones from desktops; odd and long agents are handled."""

import re
import tarfile
import time
from pathlib import Path

import polars as pl
import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.enrich import agent_lists
from exporter.enrich.agent import LONGEST, classify
from exporter.model.call import Client, Device

DATA = Path(__file__).parents[1] / 'data'
CHROME = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0'
WINDOWS = f'Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36'

BROWSERS = [
    (WINDOWS, 'desktop', 'Chrome', 'Windows'),
    (f'{WINDOWS} Edg/142.0.0.0', 'desktop', 'Edge', 'Windows'),
    ('Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'desktop', 'Firefox', 'Linux'),
    ('Mozilla/5.0 (Wayland; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'desktop', 'Firefox', 'Linux'),
    (f'Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36', 'desktop', 'Chrome', 'Chrome OS'),
    (
        'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
        'desktop',
        'Safari',
        'Mac OS X',
    ),
    (
        'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148 Safari/604.1',
        'phone',
        'Mobile Safari',
        'iOS',
    ),
    (
        'Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 Version/16.6 Mobile/15E148 Safari/604.1',
        'tablet',
        'Mobile Safari',
        'iOS',
    ),
    (f'Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36', 'phone', 'Chrome Mobile', 'Android'),
    (f'Mozilla/5.0 (Linux; Android 13; SM-X700) {CHROME} Safari/537.36', 'tablet', 'Chrome', 'Android'),
    ('Mozilla/5.0 (Android 13; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0', 'phone', 'Firefox Mobile', 'Android'),
    ('Mozilla/5.0 (Android 13; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0', 'tablet', 'Firefox Mobile', 'Android'),
    ('Opera/9.80 (Android; Opera Mini/36.2/119.132; U; id) Presto/2.12.423 Version/12.16', 'phone', 'Opera Mini', 'Android'),
    (f'Mozilla/5.0 (Phone; OpenHarmony 5.0) {CHROME} Safari/537.36 ArkWeb/4.1.6.1 Mobile', 'phone', 'Chrome', ''),
    (f'Mozilla/5.0 (Web0S; Linux/SmartTV) {CHROME} Safari/537.36 WebAppManager', 'tv', 'Chrome', 'Web0S'),
    (f'Mozilla/5.0 (Linux; Android 9; BRAVIA 4K UR2) {CHROME} Safari/537.36', 'tv', 'Chrome', 'Android'),
    (f'Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) {CHROME} Safari/537.36 Edge/44.0', 'other', 'Edge', 'Windows'),
    (f'Mozilla/5.0 (Linux; Android 9; MIBOX4 Build/PI) {CHROME} Safari/537.36', 'tv', 'Chrome', 'Android'),
    (f'Mozilla/5.0 (Linux; Android 11; Smart TV Stick) {CHROME} Mobile Safari/537.36', 'tv', 'Chrome Mobile', 'Android'),
    (f'Mozilla/5.0 (Linux; Android 10; X96Max BOX; wv) {CHROME} Safari/537.36', 'tv', 'Chrome Mobile WebView', 'Android'),
    (f'Mozilla/5.0 (Linux; Android 9; 43LEX-7158/FTS2C) {CHROME} Safari/537.36', 'tv', 'Chrome', 'Android'),
    (f'Mozilla/5.0 (Linux; Android 9; XYZ Build/PTT1.190222.001) {CHROME} Safari/537.36', 'tv', 'Chrome', 'Android'),
    (f'Mozilla/5.0 (Linux; Android 9; Lenovo Projector701) {CHROME} Safari/537.36', 'tv', 'Chrome', 'Android'),
    (f'Mozilla/5.0 (Linux; Android 11; SM-R860) {CHROME} Mobile Safari/537.36', 'other', 'Chrome Mobile', 'Android'),
    (f'Mozilla/5.0 (Linux; Android 12; Quest 3) {CHROME} Safari/537.36', 'other', 'Chrome', 'Android'),
    (f'Mozilla/5.0 (Linux; Android 9; HP Chromebook 13 G1) {CHROME} Safari/537.36', 'desktop', 'Chrome', 'Android'),
    (f'Mozilla/5.0 (Tablet; OpenHarmony 5.0) {CHROME} Safari/537.36 ArkWeb/4.1.6.1', 'tablet', 'Chrome', ''),
    (f'Mozilla/5.0 (PC; OpenHarmony 5.0) {CHROME} Safari/537.36 ArkWeb/4.1.6.1', 'desktop', 'Chrome', ''),
    (  # an app of an iPad, which asks for the pages of computers
        'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MyTown/3.1',
        'tablet',
        'Apple Mail',
        'Mac OS X',
    ),
    (f'mozilla/5.0 (linux; android 9; bq-5530l) {CHROME.lower()} mobile safari/537.36', 'phone', '', 'Linux'),
    (f'Mozilla/5.0 (Linux; Android 4.2.2; ViewSonic V500) {CHROME} Mobile Safari/537.36', 'phone', 'Chrome Mobile', 'Android'),
    ('Lynx/2.9.0 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.7.8', 'unknown', 'Lynx', ''),
    (
        f'Mozilla/5.0 (Linux; Android 15; CPH2557 Build/AP3A.240617.008; wv) {CHROME} Mobile Safari/537.36',
        'phone',
        'Chrome Mobile WebView',
        'Android',
    ),
]

API_CLIENTS = [
    ('python-requests/2.32.3', 'other', 'python-requests', ''),
    ('Python/3.12 aiohttp/3.10.5', 'other', 'aiohttp', ''),
    ('Python-urllib/3.12', 'other', 'Python-urllib', ''),
    ('python-urllib3/2.2.3', 'other', 'python-urllib3', ''),
    ('curl/8.10.1', 'other', 'curl', ''),
    ('Wget/1.24.5', 'other', 'Wget', ''),
    ('HTTPie/3.2.4', 'other', 'HTTPie', ''),
    ('libwww-perl/6.77', 'other', 'libwww-perl', ''),
    ('okhttp/4.12.0', 'other', 'okhttp', ''),
    ('Go-http-client/2.0', 'other', 'Go-http-client', ''),
    ('axios/1.7.7', 'other', 'axios', ''),
    ('node-fetch/1.0 (+https://github.com/bitinn/node-fetch)', 'other', 'node-fetch', ''),
    ('node', 'other', 'node', ''),
    ('Java/21.0.4', 'other', 'Java', ''),
    ('Apache-HttpClient/4.5.14 (Java/17.0.12)', 'other', 'Apache-HttpClient', ''),
    ('Google-HTTP-Java-Client/1.45.0 (gzip)', 'other', 'Google-HTTP-Java-Client', ''),
    ('Ruby', 'other', 'Ruby', ''),
    ('rest-client/2.1.0 (linux-gnu x86_64) ruby/3.3.5', 'desktop', 'rest-client', 'Linux'),
    ('GuzzleHttp/7', 'other', 'GuzzleHttp', ''),
    ('libcurl/8.9.1 r-curl/5.2.3 httr/1.4.7', 'other', 'httr', ''),
    ('R (4.4.1 x86_64-w64-mingw32 x86_64 mingw32)', 'other', 'R', ''),
    ('Mozilla/5.0 QGIS/33811/Windows 11 Version 2009', 'desktop', 'QGIS', 'Windows'),
    ('ArcGIS Pro 3.3.2 (00000000000) - ArcGISPro', 'other', 'ArcGIS', ''),
    ('FME/2024.1.0.24612 libcurl/8.8.0', 'other', 'FME', ''),
    ('GDAL/OGR 3.9.2', 'other', 'GDAL', ''),
    ('Microsoft.Data.Mashup (https://go.microsoft.com/fwlink/?LinkID=304225)', 'other', 'Microsoft.Data.Mashup', ''),
    ('Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; ms-office; MSOffice 16)', 'desktop', 'ms-office', 'Windows'),
    ('Microsoft Office/16.0 (Windows NT 10.0; Microsoft Excel 16.0.17928; Pro)', 'desktop', 'Microsoft Office', 'Windows'),
    ('Mozilla/5.0 (Windows NT; Windows NT 10.0; fr-FR) WindowsPowerShell/5.1.26100', 'desktop', 'WindowsPowerShell', 'Windows'),
    ('Mozilla/5.0 (compatible; GoogleDocs; apps-spreadsheets; +http://docs.google.com)', 'other', 'GoogleDocs', ''),
    ('Mozilla/5.0 (compatible; Google-Apps-Script; beanserver; +https://script.google.com)', 'other', 'Google-Apps-Script', ''),
    ('Tableau/20242.24.0910.0334', 'other', 'Tableau', ''),
    ('PostmanRuntime/7.42.0', 'other', 'PostmanRuntime', ''),
    ('WordPress/6.6.2; https://town.example', 'other', 'WordPress', ''),
    ('town-dashboard/1.2 (+mailto:data@town.example)', 'other', 'town-dashboard', ''),
    ('MyHarvester/1.0 (+https://github.com/town/harvester)', 'other', 'MyHarvester', ''),
    ('MyHarvester/1.0 (https://town.example; data@town.example)', 'other', 'MyHarvester', ''),
    ('MyTown/5.2 (iPad; iOS 17.5; Scale/2.00)', 'tablet', 'MyTown', 'iOS'),
    ('Dalvik/2.1.0 (Linux; U; Android 14; SM-S911B Build/UP1A)', 'phone', 'Dalvik', 'Android'),
    ('MyTown/42 (iPhone; iOS 18.0; Scale/3.00)', 'phone', 'MyTown', 'iOS'),
    ('My%20Town/3 CFNetwork/1568.100.1 Darwin/24.0.0', 'phone', 'My%20Town', 'iOS'),
]  # fmt: skip

CRAWLERS = [
    ('Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', 'other', 'Googlebot', ''),
    (
        f'Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {CHROME} Mobile Safari/537.36 (compatible; Googlebot/2.1)',
        'phone',
        'Googlebot',
        'Android',
    ),
    ('Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2; +https://openai.com/gptbot)', 'other', 'GPTBot', ''),
    ('Mozilla/5.0 AppleWebKit/537.36 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)', 'other', 'ClaudeBot', ''),
    ('CCBot/2.0 (https://commoncrawl.org/faq/)', 'other', 'CCBot', ''),
    ('facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)', 'other', 'facebookexternalhit', ''),
    ('Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)', 'other', 'UptimeRobot', ''),
    ('Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers)', 'other', 'Feedly', ''),
    (WINDOWS.replace('Chrome', 'HeadlessChrome'), 'desktop', 'HeadlessChrome', 'Windows'),
    ('Scrapy/2.11.2 (+https://scrapy.org)', 'other', 'Scrapy', ''),
    ('town-crawler/1.0 (+https://town.example)', 'other', 'town-crawler', ''),
    ('town-bot/0.1 python-requests/2.32.3', 'other', 'town-bot', ''),
    ('Mozilla/5.0 (compatible; TownIndex/1.0; +https://town.example)', 'other', 'TownIndex', ''),
    ('Mozilla/5.0 (compatible; TownIndex/1.0; data@town.example)', 'other', 'TownIndex', ''),
    ('Mozilla/5.0 (compatible; TownIndex/1.0)', 'other', 'TownIndex', ''),
    (f'{WINDOWS} (compatible; TownIndex; +http://town.example)', 'desktop', 'TownIndex', 'Windows'),
    (f'{WINDOWS} TownIndex/1.0 (www.town.example)', 'desktop', 'Chrome', 'Windows'),
    ('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko; TownIndex) Chrome/142.0.0.0 Safari/537.36',
     'desktop', 'TownIndex', 'Linux'),
    ('Town SSL Checker', 'other', '', ''),
    ('Town Index (https://town.example)', 'other', '', ''),
    ('town-scanner/1.0', 'other', 'town-scanner', ''),
    ('DynatraceSynthetic/1.179', 'other', 'DynatraceSynthetic', ''),
    ('kube-probe/1.31', 'other', 'kube-probe', ''),
    ('ELB-HealthChecker/2.0', 'other', 'HealthCheck', ''),
]  # fmt: skip

UNKNOWN = [
    '',
    '-',
    ' ',
    'Mozilla/5.0',
    'Mozilla/4.0 (compatible;)',
    '() { :;}; /bin/id',
    '${jndi:ldap://x/a}',
    'Amazon CloudFront',
]


@pytest.mark.parametrize(
    ('client', 'agents'), [(Client.BROWSER, BROWSERS), (Client.API_CLIENT, API_CLIENTS), (Client.CRAWLER, CRAWLERS)]
)
def test_agents_are_classified(client: Client, agents: list[tuple[str, str, str, str]]) -> None:
    result = classify(pl.Series([agent for agent, *_ in agents]))
    expected = [(agent, device, client.value, browser, os) for agent, device, browser, os in agents]
    assert [(agent, *row) for (agent, *_), row in zip(agents, result.rows(), strict=True)] == expected


def test_no_agent_and_invalid_agents_are_unknown() -> None:
    assert classify(pl.Series(UNKNOWN)).rows() == [('unknown', 'unknown', '', '')] * len(UNKNOWN)


def test_phones_before_smartphones_are_phones() -> None:
    agents = ['DoCoMo/2.0 N905i(c100;TB;W24H16)', 'Videocon_V1585_Maui Wap Browser Profile/MIDP-2.0 Configuration/CLDC-1.1']
    assert classify(pl.Series(agents))['device'].to_list() == ['phone', 'phone']


def instances(patterns: list[str]) -> list[str]:
    """The example agents of these entries of the list."""
    return [agent for entry in CRAWLER_USER_AGENTS_DATA if entry['pattern'] in patterns for agent in entry['instances']]


def test_every_listed_crawler_is_a_crawler() -> None:
    agents = instances(agent_lists.CRAWLERS)
    assert len(agents) > 1_500
    result = classify(pl.Series(agents)).with_columns(agent=pl.Series(agents)).filter(pl.col('client') != 'crawler')
    assert result['agent'].to_list() == []


def test_every_listed_library_is_an_api_client_unless_named_bot() -> None:
    agents = [agent for agent in instances(agent_lists.PROGRAMS_ALL) if not re.search('(?i)bot|feedly', agent)]
    assert len(agents) > 50
    result = classify(pl.Series(agents)).with_columns(agent=pl.Series(agents)).filter(pl.col('client') != 'api_client')
    assert result['agent'].to_list() == []


def test_ambiguous_crawlers_are_still_found_by_what_they_say() -> None:
    agents = instances(['Sogou', 'Sonic', 'Butterfly', 'Expanse'])
    result = classify(pl.Series(agents)).with_columns(agent=pl.Series(agents)).filter(pl.col('client') != 'crawler')
    assert result['agent'].to_list() == []


def test_our_exceptions_are_in_the_list() -> None:
    listed = {entry['pattern'] for entry in CRAWLER_USER_AGENTS_DATA}
    assert listed >= agent_lists.MADE_TO_CRAWL | agent_lists.READS_FOR_PEOPLE | agent_lists.AMBIGUOUS


@given(st.lists(st.text() | st.sampled_from([agent for agent, *_ in BROWSERS + API_CLIENTS + CRAWLERS])))
@settings(deadline=None, max_examples=40)
def test_each_agent_has_a_row_without_nulls(agents: list[str]) -> None:
    result = classify(pl.Series(agents, dtype=pl.String))
    assert result.columns == ['device', 'client', 'browser', 'os']
    assert result.null_count().sum_horizontal().sum() == 0
    assert set(result['device']) <= set(Device)
    assert set(result['client']) <= set(Client)
    assert result.rows() == [classify(pl.Series([agent])).row(0) for agent in agents]


def percent(part: pl.DataFrame, whole: pl.DataFrame) -> float:
    """The rows of `part` in percent of those of `whole`."""
    return round(100 * len(part) / len(whole), 1)


def test_labelled_agents_are_classified_as_well_as_documented() -> None:
    with tarfile.open(DATA / 'user_agents.tar.gz') as archive:
        table = archive.extractfile('user_agents.tsv')
        assert table is not None
        # `device` and `program` are those of the source, `found` and `client` ours.
        labelled = pl.read_csv(table.read(), separator='\t', quote_char=None)
    labelled = labelled.hstack(classify(labelled['agent']).select(pl.col('device').alias('found'), 'client'))
    crawlers, people = labelled.filter(pl.col('device') == 'crawler'), labelled.filter(pl.col('device') != 'crawler')
    mobile, found = pl.col('device').is_in(['phone', 'tablet', 'mobile']), pl.col('found').is_in(['phone', 'tablet'])
    televisions, browsers = people.filter(pl.col('device') == 'tv'), people.filter(pl.col('program') == 'browser')
    is_crawler = pl.col('client') == 'crawler'
    figures = {
        'mobile found': percent(people.filter(mobile & found), people.filter(mobile)),
        'right of those': percent(people.filter(mobile & found), people.filter(found)),
        'televisions counted as mobile': percent(televisions.filter(found), televisions),
        'crawlers found': percent(crawlers.filter(is_crawler), crawlers),
        'browsers counted as crawlers': percent(browsers.filter(is_crawler), browsers),
    }
    print(figures)
    assert figures['mobile found'] >= 98
    assert figures['right of those'] >= 99
    assert figures['televisions counted as mobile'] <= 2
    assert figures['crawlers found'] >= 87
    assert figures['browsers counted as crawlers'] <= 0.6


def test_only_the_beginning_of_a_long_agent_is_parsed() -> None:
    long_agents = pl.Series([WINDOWS + ' Android' * 150_000, WINDOWS + 'a' * 1_000_000, '; ' * 500_000])
    start = time.perf_counter()
    result = classify(long_agents)
    assert time.perf_counter() - start < 1
    assert result.equals(classify(long_agents.str.slice(0, LONGEST)))
