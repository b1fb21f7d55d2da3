"""Tells from a user agent what kind of program called, its name, its operating system and the device it ran on."""

import re
import sys
from types import ModuleType

import polars as pl
import ua_parser

from exporter.call import Client, Device
from exporter.enrich.agent_lists import CRAWLER_PATTERN, CRAWLER_TEXTS, PROGRAM_PATTERN

# user-agents loads ua-parser's former parser, which takes 0.1 s and is never asked here: an empty module will do.
sys.modules['ua_parser.user_agent_parser'] = ModuleType('ua_parser.user_agent_parser')
from user_agents import parsers  # noqa: E402

del sys.modules['ua_parser.user_agent_parser']

LONGEST = 2_000  # characters of an agent that are looked at: browsers send some 150

BROWSER = r'^(?:Mozilla|Opera)/|^(?:Lynx|E?Links|Dillo)\b|MIDP|UCBrowser'
PRODUCT = r'^([\p{L}\d][\w .%+-]{0,63})/v?\d'  # product/version comes first (RFC 9110, section 10.1.5)

TV = re.compile(r'(?i:smart-?tv|hbbtv|googletv|appletv|web0s|netcast|bravia)|CrKey|\bTV\b|\bAFT[A-Z]|^Roku/')
CONSOLE = re.compile('PlayStation|Nintendo|Xbox')
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
        """The device it names. Android is a phone's with `Mobile`, a tablet's without it, but for apps, which never say."""
        app = self.os.family == 'Android' and not self.ua_string.startswith(('Mozilla/', 'Opera/'))
        if TV.search(self.ua_string) or self.device.brand == 'Generic_Inettv':
            return Device.TV
        if CONSOLE.search(self.ua_string):
            return Device.OTHER
        if self.device.family in parsers.MOBILE_DEVICE_FAMILIES:
            return Device.PHONE
        if 'Tablet' in self.device.family or (self.is_tablet and not app):
            return Device.TABLET
        if app or self.is_mobile:
            return Device.PHONE
        if self.is_pc or self.os.family in DESKTOPS:
            return Device.DESKTOP
        return Device.PHONE if 'Mobile' in self.ua_string else Device.UNKNOWN

    def told(self) -> tuple[str, str, str, bool]:
        """A row of TOLD: the program's family, the system's, the device; whether ua-parser takes it for a crawler."""
        return self.browser.family, self.os.family, self.held().value, self.is_bot


def classify(agents: pl.Series) -> pl.DataFrame:
    """device, client (values of Device and Client), browser (the program's name) and os (its family) of each user agent.

    crawler: listed as one, named as one (ua-parser's spiders), or a health check.
    api_client: a program that people read an API with, listed as such, or one that begins with a product of its own
    instead of as browsers do. Its device is that of the system it names, else other.
    browser: begins as browsers do, and ua-parser knows it or its system.
    unknown: anything else, and no agent ('' or -).
    """
    asked = agents.str.slice(0, LONGEST).str.strip_chars().replace('-', '').to_frame('text')
    told = pl.DataFrame([Agent(text).told() for text in asked['text'].to_list()], TOLD, orient='row')
    text, known = pl.col('text'), pl.col('os') != ''
    looks = (
        told.with_columns(pl.col('family', 'os').replace('Other', ''))
        .hstack(asked)
        .with_columns(
            crawler=pl.coalesce(
                text.str.extract_many(CRAWLER_TEXTS).list.first(), text.str.extract(f'({CRAWLER_PATTERN})')
            ).str.strip_chars(' /('),
            program=text.str.extract(f'({PROGRAM_PATTERN})').str.strip_chars(' /('),
            product=pl.when(~text.str.contains(BROWSER)).then(text.str.extract(PRODUCT)),
            browses=text.str.contains(BROWSER) & (known | (pl.col('family') != '')),
            spider=pl.col('spider') & ~text.str.contains(f'^(?:{PROGRAM_PATTERN})'),
        )
    )
    client = (
        pl.when(pl.col('crawler').is_not_null() | pl.col('spider'))
        .then(pl.lit(Client.CRAWLER.value))
        .when(pl.col('program').is_not_null() | pl.col('product').is_not_null())
        .then(pl.lit(Client.API_CLIENT.value))
        .when('browses')
        .then(pl.lit(Client.BROWSER.value))
        .otherwise(pl.lit(Client.UNKNOWN.value))
    )
    return looks.with_columns(client=client).select(
        device=pl.when(known | (pl.col('client') == Client.BROWSER.value))
        .then('device')
        .when(pl.col('client') == Client.UNKNOWN.value)
        .then(pl.lit(Device.UNKNOWN.value))
        .otherwise(pl.lit(Device.OTHER.value)),
        client='client',
        browser=pl.when(pl.col('client') == Client.CRAWLER.value)
        .then(pl.coalesce('crawler', 'family'))
        .when(pl.col('client') == Client.API_CLIENT.value)
        .then(pl.coalesce('program', 'product'))
        .when(pl.col('client') == Client.BROWSER.value)
        .then('family')
        .otherwise(pl.lit('')),
        os='os',
    )
