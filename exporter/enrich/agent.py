"""Tells from a user agent what kind of program called, its name, its operating system and the device it ran on."""

import polars as pl
import ua_parser

from exporter.enrich.agent_lists import CRAWLER_PATTERN, CRAWLER_TEXTS, PROGRAM_PATTERN
from exporter.model.call import Client, Device, categorical, is_category
from exporter.system.startup import load_when_used

load_when_used(ua_parser, 'user_agent_parser')  # it compiles 1,350 patterns, which only user-agents' own parse makes use of
from user_agents import parsers  # noqa: E402

LONGEST = 2_000  # characters of an agent that are looked at: browsers send some 150

BROWSER = r'^(?:Mozilla|Opera)/|^(?:Lynx|E?Links|Dillo)\b|MIDP|UCBrowser'
PRODUCT = r'^([\p{L}\d][\w .%+-]{0,63})/v?\d'  # product/version comes first (RFC 9110, section 10.1.5)
TV = r'(?i:smart-?tv|hbbtv|googletv|appletv|web0s|netcast|bravia)|CrKey|\bTV\b|\bAFT[A-Z]|^Roku/'
CONSOLE = 'PlayStation|Nintendo|Xbox'
DESKTOPS = {'Windows', 'Linux', 'Ubuntu', 'Fedora', 'Debian', 'FreeBSD', 'OpenBSD', 'NetBSD'}

TOLD = {'family': pl.String(), 'os': pl.String(), 'device': pl.String(), 'spider': pl.Boolean()}


class Agent(parsers.UserAgent):  # type: ignore[misc]
    """What user-agents makes of an agent, from what ua-parser's Rust parser found in it."""

    def __init__(self, text: str) -> None:
        found = ua_parser.parse(text).with_defaults()
        self.ua_string = text
        self.os = parsers.parse_operating_system(found.os.family, found.os.major, found.os.minor, found.os.patch)
        self.browser = parsers.parse_browser(found.user_agent.family)
        self.device = parsers.parse_device(found.device.family, found.device.brand, found.device.model)

    def held(self) -> Device:
        """Phone, tablet, desktop or unknown. Android without `Mobile` is a tablet's, unless an app says so."""
        app = self.os.family == 'Android' and not self.ua_string.startswith(('Mozilla/', 'Opera/'))
        if self.device.family in parsers.MOBILE_DEVICE_FAMILIES:
            return Device.PHONE
        if 'Tablet' in self.device.family or (self.is_tablet and not app):
            return Device.TABLET
        if app or self.is_mobile:
            return Device.PHONE
        if self.is_pc or self.os.family in DESKTOPS:
            return Device.DESKTOP
        return Device.PHONE if 'Mobile' in self.ua_string else Device.UNKNOWN


def keep_accounts(agents: pl.DataFrame, accounts: pl.Series) -> pl.DataFrame:
    """What `classify` tells, of calls with these accounts ('' is none). An account is a user, so its crawler is an API client."""
    crawls = is_category(agents['client'], Client.CRAWLER.value) & ~is_category(accounts, '')
    if not crawls.any():
        return agents
    api_client = pl.Series('client', [Client.API_CLIENT.value], categorical('client')).new_from_index(0, len(agents))
    return agents.with_columns(agents['client'].zip_with(~crawls, api_client))


def classify(agents: pl.Series) -> pl.DataFrame:
    """device and client (values of Device and Client), browser (the program's name) and os (its family) of each agent.

    crawler: listed as one, named as one (ua-parser's spiders), or a health check.
    api_client: a program that people read an API with, listed as such, or one that begins with a product of its own
    instead of as browsers do. Its device is that of the system it names, else other.
    browser: begins as browsers do, and ua-parser knows it or its system.
    unknown: anything else, and no agent ('' or -).
    """
    texts = agents.str.slice(0, LONGEST).str.strip_chars().replace('-', '').alias('text')
    told = [(a.browser.family, a.os.family, a.held().value, a.is_bot) for a in map(Agent, texts.to_list())]
    text, os, family, client = pl.col('text'), pl.col('os'), pl.col('family'), pl.col('client')
    looks = (
        pl.DataFrame(told, TOLD, orient='row')
        .with_columns(pl.col('family', 'os').replace('Other', ''), texts)
        .with_columns(
            crawler=pl.coalesce(text.str.extract_many(CRAWLER_TEXTS).list.first(), text.str.extract(f'({CRAWLER_PATTERN})')),
            spider=pl.col('spider') & ~text.str.contains(f'^(?:{PROGRAM_PATTERN})'),
            program=text.str.extract(f'({PROGRAM_PATTERN})'),
            product=pl.when(~text.str.contains(BROWSER)).then(text.str.extract(PRODUCT)),
            browser=text.str.contains(BROWSER) & ((os != '') | (family != '')),
        )
        .with_columns(
            client=pl.when(pl.col('crawler').is_not_null() | pl.col('spider'))
            .then(pl.lit(Client.CRAWLER.value))
            .when(pl.col('program').is_not_null() | pl.col('product').is_not_null())
            .then(pl.lit(Client.API_CLIENT.value))
            .when('browser')
            .then(pl.lit(Client.BROWSER.value))
            .otherwise(pl.lit(Client.UNKNOWN.value))
        )
    )
    return looks.select(
        device=pl.when(text.str.contains(TV))
        .then(pl.lit(Device.TV.value))
        .when(text.str.contains(CONSOLE))
        .then(pl.lit(Device.OTHER.value))
        .when((os != '') | (client == Client.BROWSER.value))
        .then('device')
        .when(client == Client.UNKNOWN.value)
        .then(pl.lit(Device.UNKNOWN.value))
        .otherwise(pl.lit(Device.OTHER.value)),
        client=client,
        browser=pl.when(client == Client.CRAWLER.value)
        .then(pl.coalesce('crawler', 'family'))
        .when(client == Client.API_CLIENT.value)
        .then(pl.coalesce('program', 'product'))
        .when(client == Client.BROWSER.value)
        .then('family')
        .otherwise(pl.lit(''))
        .str.strip_chars(' /('),
        os='os',
    )
