"""Classifies user agents: kind and name of the program, operating system and device."""

import polars as pl
import ua_parser

from exporter.enrich.agent_devices import DESKTOP, OTHER, PHONE, TABLET, TV
from exporter.enrich.agent_lists import (
    CONTACT,
    CRAWLER_NAMES,
    CRAWLER_PATTERN,
    CRAWLER_TEXTS,
    CRAWLER_WORDS,
    EMBEDDED,
    IMITATION,
    INSERTED,
    NAME,
    NAMED,
    PROGRAM_PATTERN,
    PURPOSE,
    SITES,
    VERSIONED,
)
from exporter.model.call import Client, Device, categorical, is_category
from exporter.system.startup import load_when_used

load_when_used(ua_parser, 'user_agent_parser')  # it compiles 1,350 patterns that only user-agents' own parse uses
from user_agents import parsers  # noqa: E402

LONGEST = 2_000  # characters of a user agent that are parsed: browsers send some 150

BROWSER = IMITATION + r'|^(?:Lynx|E?Links|Dillo)\b|MIDP|UCBrowser|UP\.Browser|(?i:\bwap[ _-]?browser|maui)|^DoCoMo/'
PRODUCT = r'^([\p{L}\d][\w .%+-]{0,63})/v?\d'  # product/version comes first (RFC 9110, section 10.1.5)
DESKTOPS = {'Windows', 'Linux', 'Ubuntu', 'Fedora', 'Debian', 'FreeBSD', 'OpenBSD', 'NetBSD'}

PARSED = {'family': pl.String(), 'os': pl.String(), 'device': pl.String(), 'spider': pl.Boolean()}


class Agent(parsers.UserAgent):  # type: ignore[misc]
    """A user agent of the library user-agents, parsed by the Rust parser of ua-parser."""

    def __init__(self, text: str) -> None:
        result = ua_parser.parse(text).with_defaults()
        self.ua_string = text
        self.os = parsers.parse_operating_system(result.os.family, result.os.major, result.os.minor, result.os.patch)
        self.browser = parsers.parse_browser(result.user_agent.family)
        self.device = parsers.parse_device(result.device.family, result.device.brand, result.device.model)

    def device_kind(self) -> Device:
        """Phone, tablet, desktop or unknown. Android without `Mobile` is a tablet, unless the agent is an app's."""
        is_app = self.os.family == 'Android' and not self.ua_string.startswith(('Mozilla/', 'Opera/'))
        if self.device.family in parsers.MOBILE_DEVICE_FAMILIES:
            return Device.PHONE
        if 'Tablet' in self.device.family or (self.is_tablet and not is_app):
            return Device.TABLET
        if is_app or self.is_mobile:
            return Device.PHONE
        if 'android' in self.ua_string:  # ua-parser knows Android by its capital
            return Device.PHONE if 'mobile' in self.ua_string else Device.TABLET
        if self.is_pc or (self.os.family in DESKTOPS and not ('Mobile' in self.ua_string and self.os.family == 'Linux')):
            return Device.DESKTOP
        return Device.PHONE if 'Mobile' in self.ua_string else Device.UNKNOWN


def keep_accounts(agents: pl.DataFrame, accounts: pl.Series) -> pl.DataFrame:
    """The result of `classify`, with crawlers that use an account ('' is none) as API clients, since an account is a user."""
    is_user = is_category(agents['client'], Client.CRAWLER.value) & ~is_category(accounts, '')
    if not is_user.any():
        return agents
    api_client = pl.Series('client', [Client.API_CLIENT.value], categorical('client')).new_from_index(0, len(agents))
    return agents.with_columns(agents['client'].zip_with(~is_user, api_client))


def classify(agents: pl.Series) -> pl.DataFrame:
    """A row for each agent: device and client (values of Device and Client), browser (name of the program), os (its family).

    crawler: in a list of crawlers, a spider for ua-parser, a health check; begins like a browser and gives a contact or a name
    that no browser gives; or names neither a product nor a browser, but a contact or what it is for.
    api_client: in the list of programs, or begins with a product of its own and not like a browser, also with a contact. Its
    device is that of the operating system, or other.
    browser: begins like a browser, and ua-parser knows it or its operating system.
    unknown: any other agent, and no agent ('' or -).
    """
    texts = agents.str.slice(0, LONGEST).str.strip_chars().replace('-', '').alias('text')
    parsed = [
        (agent.browser.family, agent.os.family, agent.device_kind().value, agent.is_bot) for agent in map(Agent, texts.to_list())
    ]
    text, os, family, client = pl.col('text'), pl.col('os'), pl.col('family'), pl.col('client')
    listed, program, product = pl.col('listed').is_not_null(), pl.col('program').is_not_null(), pl.col('product').is_not_null()
    classified = (
        pl.DataFrame(parsed, PARSED, orient='row')
        .with_columns(pl.col('family', 'os').replace('Other', ''), texts)
        .with_columns(
            listed=pl.coalesce(text.str.extract(f'({CRAWLER_TEXTS})'), text.str.extract(f'({CRAWLER_PATTERN})')),
            spider=pl.col('spider') & ~text.str.contains(f'^(?:{PROGRAM_PATTERN})'),
            name=text.str.extract(f'({CRAWLER_WORDS})'),
            program=text.str.extract(f'({PROGRAM_PATTERN})'),
            product=pl.when(~text.str.contains(BROWSER)).then(text.str.extract(PRODUCT)),
            browser=text.str.contains(BROWSER) & ((os != '') | (family != '')),
            imitation=text.str.contains(IMITATION),
            contact=text.str.contains(CONTACT) & ~text.str.contains(EMBEDDED),
        )
        .with_columns(
            client=pl.when(listed | pl.col('spider'))
            .then(pl.lit(Client.CRAWLER.value))
            .when(program)
            .then(pl.lit(Client.API_CLIENT.value))
            .when(pl.col('imitation') & (pl.col('contact') | text.str.contains(INSERTED)))
            .then(pl.lit(Client.CRAWLER.value))
            .when(product & (text.str.contains(SITES) | pl.col('name').is_in(CRAWLER_NAMES)))
            .then(pl.lit(Client.CRAWLER.value))
            .when(product)
            .then(pl.lit(Client.API_CLIENT.value))
            .when('browser')
            .then(pl.lit(Client.BROWSER.value))
            .when(pl.col('contact') & ~text.str.contains(VERSIONED))
            .then(pl.lit(Client.CRAWLER.value))
            .when(text.str.contains(NAMED) | text.str.contains(PURPOSE) | pl.col('name').is_not_null())
            .then(pl.lit(Client.CRAWLER.value))
            .otherwise(pl.lit(Client.UNKNOWN.value))
        )
    )
    return classified.select(
        device=pl.when(text.str.contains(TV))
        .then(pl.lit(Device.TV.value))
        .when(text.str.contains(OTHER))
        .then(pl.lit(Device.OTHER.value))
        .when(text.str.contains(DESKTOP))
        .then(pl.lit(Device.DESKTOP.value))
        .when(text.str.contains(TABLET))
        .then(pl.lit(Device.TABLET.value))
        .when(text.str.contains(PHONE))
        .then(pl.lit(Device.PHONE.value))
        .when((os != '') | (client == Client.BROWSER.value))
        .then('device')
        .when(client == Client.UNKNOWN.value)
        .then(pl.lit(Device.UNKNOWN.value))
        .otherwise(pl.lit(Device.OTHER.value)),
        client=client,
        browser=pl.when(client == Client.CRAWLER.value)
        .then(pl.coalesce('listed', text.str.extract(NAME), 'product', 'family'))
        .when(client == Client.API_CLIENT.value)
        .then(pl.coalesce('program', 'product'))
        .when(client == Client.BROWSER.value)
        .then('family')
        .otherwise(pl.lit(''))
        .str.strip_chars(' /('),
        os='os',
    )
