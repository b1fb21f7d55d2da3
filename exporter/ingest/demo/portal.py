"""Describes the demo's portal, the invented `demo.example.org` of a city: its data sets, callers and requests.

No name or address means a real person: accounts have the names of scientists, addresses are random public ones, chosen
by their country in iptocc's table. Another release of that table may change some addresses.
"""

from enum import IntEnum
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import NamedTuple

import iptocc

DOMAIN = 'demo.example.org'
TIMEZONE = 'Europe/Paris'
REGULARS = 450  # anonymous visitors who come back
HOME = 0.55  # of visitors live in the first of COUNTRIES
IPV6_BLOCKS = (0x2A0, 0x260)  # 2a00::/12, most of Europe, and 2600::/12, North America


class Kind(IntEnum):
    """The kind of a caller, which determines its requests."""

    BROWSER = 0
    PROGRAM = 1
    CRAWLER = 2
    PUSH = 3


class Visitor(NamedTuple):
    """A caller. `presence` is the probability of a visit on a usual weekday, `weight` the relative number of calls."""

    ip: str
    user_id: str  # '' is anonymous
    user_agent: str
    kind: Kind
    presence: float
    weight: float


class Job(NamedTuple):
    """A program that calls on a schedule; `home` is a country or an address of the portal's own machines."""

    user_id: str
    home: str
    kind: Kind
    user_agent: str
    start: str  # local time
    calls: int  # calls after midnight are dropped
    seconds: float  # from one call to the next
    weekends: bool = True


class Request(NamedTuple):
    """A request that a kind of caller makes in `share` of 100 calls, with the usual size and duration of the response."""

    kind: Kind
    share: int
    path: str
    bytes: int
    milliseconds: int


# The most requested first.
DATASETS = """
    velos-disponibilite-temps-reel transports-prochains-passages stationnement-parkings-places arbres-alignement
    equipements-publics adresses-base-locale menus-cantines-scolaires population-quartiers permis-de-construire
    marches-publics-attribues lignes-tramway-trace arrets-transport-en-commun pistes-cyclables toilettes-publiques
    fontaines-a-boire prenoms-des-nouveau-nes budget-principal-execution subventions-associations aires-de-jeux parcs-et-jardins
    bornes-recharge-electrique composteurs-collectifs points-apport-volontaire dechetteries-horaires travaux-voirie-en-cours
    accidents-corporels zones-a-faibles-emissions comptage-routier-capteurs elections-resultats-bureaux
    bureaux-de-vote-perimetres plan-local-urbanisme-zonage cadastre-parcelles batiments-hauteurs ilots-de-fraicheur
    consommation-energie-batiments production-solaire-toitures bibliotheques-prets piscines-frequentation musees-entrees
    agenda-culturel marches-forains commerces-vacants
"""

# The data set of an event, its content and why people came; the events take turns.
PUBLICATIONS = (
    ('qualite-air-horaire', 'air quality, hour by hour', 'Twelve stations, five pollutants; in the regional press.'),
    ('comptages-velos-horaires', 'bicycle counts', 'Sixty counters on the cycle network; announced by the town hall.'),
    ('loyers-de-reference', 'reference rents by district', 'Median rents by size and age; in the national press.'),
    ('bruit-cartes-strategiques', 'noise maps', 'Roads, railways, industry, in decibels; shown at a public meeting.'),
    ('ecoles-secteurs-scolaires', 'school catchment areas', 'Which school for which address; sent to every family.'),
    ('canopee-urbaine-lidar', 'tree cover from the air', 'Crowns and heights of 240,000 trees; used at a hackathon.'),
)

# Data sets without calls that are published on the days of the first events.
UNNOTICED = ('jardins-partages', 'abris-velos-securises')

# Where visitors live, in descending order of their number.
COUNTRIES = """
    FR BE DE US CH GB ES IT CA NL MA PT LU TN DZ PL IE SE CI SN AT RO CZ IN BR NO DK FI JP CN TR UA GR HU AU SG KR AR MX
    CO CL ZA EG VN ID CM NZ NG IL AE MU MG PE
"""

CATALOG = '/api/explore/v2.1/catalog/datasets'
RECORDS = CATALOG + '/{dataset}/records'
FILE = '/files/{dataset}.csv'
EXPORTS = CATALOG + '/{dataset}/exports'
# In the order of `Kind`; the shares of each add up to 100.
REQUESTS = (
    Request(Kind.BROWSER, 32, RECORDS + '?limit=20&offset={offset}&lang=fr&timezone=Europe%2FParis', 9_000, 45),
    Request(Kind.BROWSER, 12, RECORDS + '?select=count(*)%20as%20total&group_by=commune&limit=50', 2_200, 70),
    Request(Kind.BROWSER, 27, '/explore/dataset/{dataset}/table/', 38_000, 120),
    Request(Kind.BROWSER, 8, '/explore/dataset/{dataset}/map/?location=13,45.18,5.72', 64_000, 160),
    Request(Kind.BROWSER, 9, '/explore/?q={word}&sort=modified', 52_000, 210),
    Request(Kind.BROWSER, 7, CATALOG + '?where=search(%22{word}%22)&limit=20', 24_000, 90),
    Request(Kind.BROWSER, 5, EXPORTS + '/csv?lang=fr&use_labels=true&delimiter=%3B', 900_000, 1_400),
    Request(Kind.PROGRAM, 40, RECORDS + '?limit=100&offset={offset}', 41_000, 65),
    Request(Kind.PROGRAM, 19, RECORDS + '?where=date%3E%3Ddate%27{day}%27&order_by=date%20desc&limit=100', 33_000, 80),
    Request(Kind.PROGRAM, 3, CATALOG + '/{resource}/records?limit=100&offset={offset}', 33_000, 80),
    Request(Kind.PROGRAM, 5, '/api/records/1.0/search/?dataset={dataset}&rows=100&start={offset}', 47_000, 110),
    Request(Kind.PROGRAM, 10, EXPORTS + '/json?timezone=UTC', 1_300_000, 1_700),
    Request(Kind.PROGRAM, 3, EXPORTS + '/csv', 1_000_000, 1_300),
    Request(Kind.PROGRAM, 3, FILE, 1_000_000, 1_300),
    Request(Kind.PROGRAM, 5, EXPORTS + '/geojson?where=in_bbox(geo_point_2d%2C45.1%2C5.6%2C45.3%2C5.8)', 600_000, 900),
    Request(Kind.PROGRAM, 7, CATALOG + '/{dataset}', 6_500, 30),
    Request(Kind.PROGRAM, 5, CATALOG + '?limit=100&offset={offset}', 180_000, 240),
    Request(Kind.CRAWLER, 62, '/explore/dataset/{dataset}/information/', 31_000, 95),
    Request(Kind.CRAWLER, 23, '/explore/dataset/{dataset}/table/', 38_000, 120),
    Request(Kind.CRAWLER, 12, '/explore/?q={word}', 52_000, 210),
    Request(Kind.CRAWLER, 3, '/robots.txt', 420, 4),
    Request(Kind.PUSH, 100, '/api/push/1.0/comptage-routier-capteurs/realtime/push/', 60, 25),
)
CHROME = 'Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 {}Safari/537.36'
SAFARI = 'Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.{} {}'
WINDOWS, MAC, LINUX = 'Windows NT 10.0; Win64; x64', 'Macintosh; Intel Mac OS X 10_15_7', 'X11; Linux x86_64'
ANDROID, IPHONE = 'Linux; Android 10; K', 'iPhone; CPU iPhone OS 18_7 like Mac OS X'
BROWSERS = {
    CHROME.format(WINDOWS, 154, ''): 150,
    CHROME.format(WINDOWS, 153, ''): 40,
    CHROME.format(WINDOWS, 154, '') + ' Edg/154.0.0.0': 75,
    CHROME.format(MAC, 154, ''): 45,
    CHROME.format(LINUX, 154, ''): 16,
    SAFARI.format(MAC, 1, 'Safari/605.1.15'): 54,
    f'Mozilla/5.0 ({WINDOWS}; rv:153.0) Gecko/20100101 Firefox/153.0': 60,
    f'Mozilla/5.0 ({WINDOWS}; rv:140.0) Gecko/20100101 Firefox/140.0': 30,
    f'Mozilla/5.0 ({LINUX}; rv:153.0) Gecko/20100101 Firefox/153.0': 20,
    CHROME.format(ANDROID, 154, 'Mobile '): 110,
    CHROME.format(ANDROID, 136, 'Mobile ').replace('Chrome', 'SamsungBrowser/29.0 Chrome'): 20,
    SAFARI.format(IPHONE, 1, 'Mobile/15E148 Safari/604.1'): 85,
    SAFARI.format(IPHONE, 0, 'Mobile/15E148 Safari/604.1'): 25,
    'Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0': 10,
    SAFARI.format('iPad; CPU OS 18_7 like Mac OS X', 1, 'Mobile/15E148 Safari/604.1'): 18,
    CHROME.format('Linux; Android 14; SM-X710', 153, ''): 10,
}
PROGRAMS = {
    'python-requests/2.32.5': 70,
    'python-requests/2.31.0': 30,
    'curl/8.16.0': 42,
    'Wget/1.21.4': 18,
    'Mozilla/5.0 QGIS/34011/Windows 11 Version 2009': 32,
    'Mozilla/5.0 QGIS/34403/Debian GNU/Linux 13 (trixie)': 12,
    'libcurl/8.14.1 r-curl/7.0.0 httr/1.4.7': 34,
    'okhttp/4.12.0': 34,
    'okhttp/5.1.0': 16,
    'axios/1.12.2': 18,
    'Microsoft.Data.Mashup (https://go.microsoft.com/fwlink/?LinkID=304225)': 16,
}
AGENTS = BROWSERS | PROGRAMS

PEOPLE = """
    marie.curie ada.lovelace emilie.duchatelet sophie.germain rosalind.franklin lise.meitner grace.hopper henri.poincare
    evariste.galois joseph.fourier blaise.pascal pierre.fermat augustin.fresnel louis.pasteur irene.joliot hedy.lamarr
    emmy.noether alan.turing katherine.johnson barbara.mcclintock dorothy.hodgkin chien-shiung.wu vera.rubin henrietta.leavitt
    caroline.herschel mary.somerville charles.minard florence.nightingale john.snow william.playfair simeon.poisson
    claude.bernard maria.agnesi rachel.carson nicole.lepaute elisee.reclus hypatie.alexandrie
"""
GOOGLEBOT = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)'
BINGBOT = 'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)'
GPTBOT = 'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.3; +https://openai.com/gptbot)'
CLAUDEBOT = 'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)'

JOBS = (
    Job('etl-mairie', 'FR', Kind.PROGRAM, 'python-requests/2.32.5', '02:15', 800, 1.6),
    Job('app-velos', 'FR', Kind.PROGRAM, 'okhttp/4.12.0', '00:01', 600, 150),
    Job('sig-metropole', 'FR', Kind.PROGRAM, 'FME/2025.1.25615 libcurl/8.12.1', '03:30', 520, 2, weekends=False),
    Job('capteurs-trafic', '10.20.4.17', Kind.PUSH, 'python-requests/2.31.0', '00:03', 300, 300),
    Job('tableau-de-bord', 'BE', Kind.PROGRAM, 'axios/1.12.2', '06:45', 210, 3, weekends=False),
    Job('moissonneur-region', 'FR', Kind.PROGRAM, 'GuzzleHttp/7', '04:05', 210, 1),
    Job('prix-immo', 'US', Kind.PROGRAM, 'Go-http-client/2.0', '01:40', 130, 0.12),
    Job('meteo-collecte', 'FR', Kind.PROGRAM, 'curl/8.16.0', '00:10', 100, 900),
    Job('labo-mobilite', 'FR', Kind.PROGRAM, 'httr2/1.2.1 r-curl/7.0.0 libcurl/8.14.1', '05:30', 60, 4, weekends=False),
    Job('parkings-panneaux', 'FR', Kind.PROGRAM, 'Apache-HttpClient/4.5.14 (Java/17.0.16)', '00:20', 25, 3600),
    Job('', '10.20.0.5', Kind.PROGRAM, 'curl/7.88.1', '00:02', 150, 600),
    Job('', 'US', Kind.CRAWLER, GOOGLEBOT, '00:00', 344, 262),
    Job('', 'US', Kind.CRAWLER, BINGBOT, '00:00', 178, 508),
    Job('', 'US', Kind.CRAWLER, GPTBOT, '05:10', 240, 11),
    Job('', 'US', Kind.CRAWLER, CLAUDEBOT, '13:20', 110, 19),
)


@cache
def population() -> tuple[list[Visitor], list[Visitor]]:
    """Returns the returning anonymous visitors and the people with an account; always the same."""
    random = Random('population')
    return [visitor(random) for _ in range(REGULARS)], [visitor(random, name) for name in PEOPLE.split()]


def visitor(random: Random, user_id: str = '') -> Visitor:
    """Draws a visitor: a country, an address and a user agent."""
    home, *abroad = addresses()
    weights = [1 / rank for rank in range(4, len(abroad) + 4)]
    country = home if random.random() < HOME else random.choices(abroad, weights)[0]
    (agent,) = random.choices(list(AGENTS), list(AGENTS.values()))
    kind = Kind.BROWSER if agent in BROWSERS else Kind.PROGRAM
    ip = random.choice(addresses()[country])
    return Visitor(ip, user_id, agent, kind, random.uniform(0.1, 0.8), min(8, random.paretovariate(1.2)))


@cache
def addresses() -> dict[str, list[str]]:
    """Returns random public addresses by country, in the order of COUNTRIES. Reserved addresses have no country."""
    random = Random('addresses')
    ips = [str(IPv4Address(random.getrandbits(32))) for _ in range(80_000)]
    ips += [str(IPv6Address(random.choice(IPV6_BLOCKS) << 116 | random.getrandbits(116))) for _ in range(10_000)]
    by_country: dict[str, list[str]] = {country: [] for country in COUNTRIES.split()}
    for address, country in zip(ips, iptocc.country_code(ips), strict=True):
        if country in by_country:
            by_country[country].append(address)
    return {country: chosen for country, chosen in by_country.items() if chosen}
