"""Reads and validates the settings: the environment overrides the TOML file, which overrides the defaults."""

import difflib
import json
import math
import os
import re
import tomllib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from exporter.errors import SettingsError

PREFIX = 'USAGE_'
FILE_VARIABLE = 'USAGE_CONFIG'
PROGRAM_VARIABLE = 'USAGE_EXPORTER'  # in which scripts may name the program
DEFAULT_FILE = Path('usage-exporter.toml')
LABEL = r'[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
MACHINE_FILES = re.compile(
    '(posix|right)/|(localtime|posixrules|Factory)$'
)  # files beside the time zones that not every machine has
DOMAIN = re.compile(rf'(?=.{{1,253}}$){LABEL}(?:\.{LABEL})*')
ACCOUNT_FIELD = 'field:'  # begins a source of accounts that names a logged field
ALL_COOKIES = re.compile(
    r'(?:^field:|http[_-]|[({.])(?:set[_-])?cookie(?:\)|\}i)?(?:\.\d+)?$', re.IGNORECASE
)  # the header Cookie


def domain_name(value: str) -> str:
    """A portal's host name, in lower case. Raises ValueError if it is invalid."""
    name = value.lower().removesuffix('.')
    if not DOMAIN.fullmatch(name):
        raise ValueError(f'invalid domain name {value!r}; write the portal as data.example.org')
    return name


def _time_zone(value: str) -> str:
    try:
        if not MACHINE_FILES.match(value):
            return ZoneInfo(value).key
    except (KeyError, ValueError, OSError):
        pass
    raise ValueError(f'invalid time zone {value!r}; write it as Europe/Paris')


def _account_source(value: str) -> str:
    if not re.fullmatch(rf'user|query:\S+|{ACCOUNT_FIELD}(?:[^\s\x00-\x1f"\\]|\\\.)+', value):
        sources = "user (the log's user field), query:apikey or field:X-Api-Key (a logged header or cookie)"
        raise ValueError(f'invalid source of accounts {value!r}; write {sources}')
    if value.startswith(ACCOUNT_FIELD) and ALL_COOKIES.search(value):
        raise ValueError(f'{value} names all cookies at once; log one of them, and name it as in field:cookie_session')
    return value


def _split_at_commas(value: object) -> object:
    return tuple(word.strip() for word in value.split(',') if word.strip()) if isinstance(value, str) else value


def tables(value: object) -> object:
    """Tables of the TOML file, or the same as JSON text. Raises ValueError if the JSON is invalid."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        raise ValueError('invalid JSON; correct it, or write these tables in the TOML file') from None


def _listen(value: str) -> str:
    host, _, port = value.rpartition(':')
    if not re.fullmatch(r'[\w.-]+|\[[\da-fA-F:.]+\]', host) or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f'invalid listen address {value!r}; write it as 127.0.0.1:8093')
    return value


def _header(value: str) -> str:
    if not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", value, re.ASCII):  # a token of RFC 9110
        raise ValueError(f'invalid header name {value!r}; write it as x-forwarded-for')
    return value.lower()


def _audience_name(value: str) -> str:
    if not re.fullmatch(r'\w[\w .-]{0,59}', value):
        raise ValueError(f'invalid name of an audience {value[:100]!r}; write it as internal')
    return value


def _as_number(value: object) -> object:
    match = re.fullmatch(r'(?:AS)?(\d{1,10})', str(value), re.ASCII | re.IGNORECASE)
    if isinstance(value, bool) or not match or not 0 < int(match[1]) < 2**32:
        raise ValueError(f'invalid AS number {str(value)[:100]!r}; write it as 64496')
    return int(match[1])


DomainName = Annotated[str, AfterValidator(domain_name)]
Memory = Literal['normal', 'low']
ActionName = Literal['query', 'download', 'page', 'metadata', 'search', 'map', 'other']
Zone = Annotated[str, AfterValidator(_time_zone)]
Header = Annotated[str, AfterValidator(_header)]
Listen = Annotated[str, AfterValidator(_listen)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_at_commas)]
AsNumberList = Annotated[tuple[Annotated[int, BeforeValidator(_as_number)], ...], NoDecode, BeforeValidator(_split_at_commas)]
AudienceName = Annotated[str, AfterValidator(_audience_name)]
AccountSources = Annotated[
    tuple[Annotated[str, AfterValidator(_account_source)], ...], NoDecode, BeforeValidator(_split_at_commas)
]


class Ignore(BaseModel):
    """Requests that are not counted: health checks, monitoring, the portal's own scripts."""

    model_config = ConfigDict(extra='forbid', frozen=True)

    networks: Words = Field((), description='addresses and networks of callers, private, loopback, or @FILE with one per line')
    user_agents: Words = Field((), description='user agents, with * for any text')
    paths: Words = Field((), description='paths, with * for any text')
    health_checks: bool = Field(True, description="whether Kubernetes' probes and load balancers' health checks are ignored")


class Audience(BaseModel):
    """Callers that are told apart from the public: those that one of its lists has."""

    model_config = ConfigDict(extra='forbid', frozen=True)

    networks: Words = Field((), description='addresses and networks of callers, private, loopback, or @FILE with one per line')
    accounts: Words = Field((), description='accounts, with * for any text')
    user_agents: Words = Field((), description='user agents, with * for any text')
    as_numbers: AsNumberList = Field((), description='numbers of autonomous systems; they need geo_asn_database')

    @model_validator(mode='after')
    def _has_callers(self) -> 'Audience':
        if not (self.networks or self.accounts or self.user_agents or self.as_numbers):
            raise ValueError('the audience has no callers; add networks, accounts, user_agents or as_numbers')
        return self


class PortalRules(BaseModel):
    """The settings that each portal can have of its own: how to read its calls."""

    model_config = ConfigDict(extra='forbid', frozen=True)

    log_format: str = Field(
        'auto', description="the format of the portal's logs: auto, a preset, or the notation of nginx or Apache"
    )
    log_fields: Annotated[dict[str, str], NoDecode, BeforeValidator(tables)] = Field(
        {}, description='of log_format = "json": the name in the log of each of our fields'
    )
    log_timezone: Zone | None = Field(
        None, description='the time zone of logs whose times have none; by default, that of the portal'
    )
    hosts: Words = Field(
        (), description='the hosts of the portal in logs of several portals: names, or *.data.example.org for all names below'
    )
    timezone: Zone = Field('UTC', description="the portal's time zone; it decides when a day begins")
    paths: Words = Field((), description='the paths of API calls, with * for any text; empty: all paths')
    static_files: Literal['skip', 'count'] = Field(
        'skip', description='whether files of the web pages (styles, scripts, images, fonts) are calls, where paths is not set'
    )
    ignore: Annotated[Ignore, NoDecode, BeforeValidator(tables)] = Field(
        Ignore(), description='the requests that are not counted: a table with networks, user_agents, paths and health_checks'
    )
    audiences: Annotated[dict[AudienceName, Audience], NoDecode, BeforeValidator(tables)] = Field(
        {}, description='callers told apart from the public: tables with networks, accounts, user_agents and as_numbers'
    )
    left_out: Words = Field(('internal',), description='the audiences that are left out of all numbers, as crawlers are')
    hosting_networks: AsNumberList = Field(
        (), description='AS numbers of hosting networks, beside those that usage-exporter knows; they need geo_asn_database'
    )
    suspect: Literal['count', 'leave_out'] = Field(
        'count', description='whether calls of browsers from hosting networks without an account count, or are left out'
    )
    actions: Annotated[dict[ActionName, Words], NoDecode, BeforeValidator(tables)] = Field(
        {}, description='the paths of each action, with * for any text; they come before the rules of datasets'
    )
    accounts: AccountSources = Field(
        ('user',),
        description="where to find the account, in this order: user (the log's user field), query:NAME (an API key), "
        'field:NAME (a logged header or cookie)',
    )
    api_keys: Path | None = Field(
        None,
        description='CSV file key,account with the account of each API key; a key that is not listed becomes a short keyed hash',
    )
    datasets: Words = Field(
        ('opendatasoft', 'socrata', 'ckan', 'udata', 'geonetwork', 'ogc'),
        description='how requests are read: presets; for the data set also query:NAME, or a pattern for the path with one group',
    )
    catalogue: str | None = Field(
        None,
        description="the portal's catalogue: a URL (CKAN, Opendatasoft, udata, DCAT-AP) or a file (DCAT-AP, or CSV)",
    )
    catalogue_events: bool = Field(True, description='whether the catalogue adds an event for days with new data sets')
    public_minimum: Annotated[int, Field(ge=1)] = Field(
        5, description='published figures show a smaller number of users only as fewer than this'
    )
    redirect_targets_logged: bool = Field(
        False, description='whether the log also has the files that redirects lead to; then a redirect is no download'
    )
    trusted_proxies: Words = Field(
        ('private', 'loopback'),
        description='the proxies whose headers are believed: addresses, networks, private, loopback, or @FILE with one per line',
    )
    forwarded_header: Header | None = Field(
        None,
        description='the logged header that names the caller behind a proxy; by default, the one of the log format',
    )

    @property
    def account_fields(self) -> tuple[str, ...]:
        """The sources of accounts that name a logged field."""
        return tuple(dict.fromkeys(source for source in self.accounts if source.startswith(ACCOUNT_FIELD)))


class Follow(BaseModel):
    """A log that `serve` follows, or several logs as a pattern."""

    model_config = ConfigDict(extra='forbid', frozen=True)

    path: Annotated[str, Field(min_length=1)] = Field(description='a log, or several as a pattern with * ? [ ]')
    domain: Annotated[str, AfterValidator(lambda value: value and domain_name(value))] = Field(
        '', description='the portal that wrote the log; by default, that of each line by `hosts`, or else the setting domain'
    )
    log_format: str | None = Field(None, description='the format of the lines; by default, that of the portal')


def _workspace(value: str) -> str:
    """The address of a workspace without a last slash. Raises ValueError if it is invalid, or would show an API key to others."""
    match = re.fullmatch(r'(https?)://([\w.-]+|\[[\da-fA-F:]+\])(:\d{1,5})?/?', value)
    if not match:
        raise ValueError(f'invalid address {value!r}; write the workspace as https://data.example.org')
    if match[1] == 'http' and match[2] not in ('127.0.0.1', 'localhost', '[::1]'):
        raise ValueError(f'{value} would send the API key without encryption; write https://')
    return value.rstrip('/').lower()


WorkspaceUrl = Annotated[str, AfterValidator(_workspace)]


class Pull(BaseModel):
    """An Opendatasoft workspace that `serve` pulls calls from."""

    model_config = ConfigDict(extra='forbid', frozen=True)

    url: WorkspaceUrl = Field(description='the address of the workspace, as https://data.example.org')
    domain: DomainName | None = Field(None, description='the portal; by default, the host of the address')
    api_key_file: Path | None = Field(None, description='a file with the API key; by default, USAGE_OPENDATASOFT_API_KEY')
    since: date | None = Field(None, description='the first day to pull; by default, 90 days ago')
    recheck_days: int = Field(3, ge=0, le=90, description='how many last days are compared again with the workspace')

    @property
    def portal(self) -> str:
        """The portal of the calls."""
        return self.domain or domain_name(re.sub(r':\d+$', '', self.url.partition('://')[2]).strip('[]').replace(':', '-'))


class Settings(PortalRules, BaseSettings):
    """All settings. The rules at the top level are the defaults of every domain."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra='forbid', frozen=True)

    clickhouse_url: SecretStr = Field(
        SecretStr(''),
        description='http(s)://user:password@host:port/database, or chdb:///path (embedded; the default: in the data directory)',
    )
    data_dir: Path = Field(
        default_factory=lambda: Path(os.environ.get('XDG_DATA_HOME') or Path.home() / '.local' / 'share') / 'usage-exporter',
        description='the directory of the secret, the tokens, the spool, rejected input and the embedded database',
    )
    domain: DomainName | None = Field(None, description='the portal of commands that name none')
    geo_database: Path | None = Field(
        None, description='an MMDB file such as GeoLite2-City.mmdb; without it, places are countries'
    )
    geo_asn_database: Path | None = Field(
        None, description='an MMDB file such as GeoLite2-ASN.mmdb; without it, the networks of callers are unknown'
    )
    listen: Listen = Field('127.0.0.1:8093', description='address and port of serve; without tokens, its own machine only')
    memory: Memory = Field('normal', description='how much memory reading a log takes: normal, or low, which takes more time')
    spool_bytes: Annotated[int, Field(ge=1 << 20)] = Field(
        1 << 30, description='the largest size of the calls that wait for the database, in bytes on the disk'
    )
    secret: SecretStr | None = Field(
        None, description='the visitor secret, if several hosts must use the same; by default, a file in the data directory'
    )
    shared_visitors: bool = Field(
        False,
        description='whether a visitor has the same hash on all portals; where it is not set, installations of before keep it so',
    )
    keep_calls_days: Annotated[int, Field(ge=1)] | None = Field(
        None, description='delete calls after so many days, and keep their daily sums; by default, keep calls for ever'
    )
    keep_rollups_days: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description='delete daily sums after so many days, not before the calls; by default, keep them for ever',
    )
    keep_rejected_days: int = Field(30, ge=1, description='delete rejected input after so many days')
    rejected_bytes: int = Field(
        256 << 20, ge=1 << 20, description='the largest size of rejected input on the disk, in bytes; the oldest is deleted first'
    )
    archive_dir: Path | None = Field(None, description='the folder in which serve archives each month')
    archive_day: Annotated[int, Field(ge=1, le=28)] | None = Field(
        None, description='the day on which serve archives the month before, from 1 to 28; by default, it archives none'
    )
    domains: Annotated[dict[DomainName, PortalRules], NoDecode, BeforeValidator(tables)] = Field(
        {}, description='tables of the TOML file: [domains."data.example.org"]; in the environment, the same as JSON'
    )

    follow: Annotated[tuple[Follow, ...], NoDecode, BeforeValidator(tables)] = Field(
        (), description='the logs that serve follows: tables [[follow]] of the TOML file; in the environment, the same as JSON'
    )

    pull: Annotated[tuple[Pull, ...], NoDecode, BeforeValidator(tables)] = Field(
        (),
        description='the Opendatasoft workspaces that serve pulls: tables [[pull]]; in the environment, the same as JSON',
    )
    opendatasoft_api_key: SecretStr | None = Field(None, description='the API key of workspaces that name no api_key_file')

    @field_validator('follow')
    @classmethod
    def _logs_have_portals(cls, follow: tuple[Follow, ...], info: ValidationInfo) -> tuple[Follow, ...]:
        """Of a log without a domain, sets the default, unless its lines are divided by host."""
        if any(rules.hosts for rules in info.data.get('domains', {}).values()):
            return follow
        default = info.data.get('domain')
        if not default and any(not settings.domain for settings in follow):
            raise ValueError('a log has no portal; add domain, or set hosts in the tables of the portals')
        return tuple(settings if settings.domain else settings.model_copy(update={'domain': default}) for settings in follow)

    @field_validator('keep_rollups_days')
    @classmethod
    def _sums_outlive_calls(cls, days: int | None, info: ValidationInfo) -> int | None:
        if days and days < (info.data.get('keep_calls_days') or math.inf):
            raise ValueError(f'{days} is less than keep_calls_days; keep the sums of a day at least as long as its calls')
        return days

    @field_validator('archive_day')
    @classmethod
    def _archives_have_a_folder(cls, day: int | None, info: ValidationInfo) -> int | None:
        if day and not info.data.get('archive_dir'):
            raise ValueError('there is no folder for the archives; set archive_dir too')
        return day

    @property
    def database_url(self) -> str:
        """The URL of the engine. It may contain a password, so do not log it."""
        return self.clickhouse_url.get_secret_value() or f'chdb://{quote(str(self.data_dir.absolute()))}/clickhouse'

    def portal(self, domain: str) -> PortalRules:
        """The rules of one domain; its own rules override the defaults.

        With the domain '', those of a log of several portals: what all portals with hosts agree on, and all their sources of
        accounts.
        """
        own = self.domains.get(domain, PortalRules())
        rules = PortalRules(
            **{name: getattr(own if name in own.model_fields_set else self, name) for name in PortalRules.model_fields}
        )
        if domain or not self.hosts_of_portals:
            return rules
        first, *others = map(self.portal, self.hosts_of_portals)
        common = {name: value for name, value in first if all(getattr(other, name) == value for other in others)}
        accounts = tuple(dict.fromkeys(source for each in (first, *others) for source in each.accounts))
        return rules.model_copy(update=common | {'accounts': accounts})

    @property
    def hosts_of_portals(self) -> dict[str, tuple[str, ...]]:
        """The hosts of each portal that has any, in lower case."""
        return {domain: tuple(host.lower() for host in rules.hosts) for domain, rules in self.domains.items() if rules.hosts}

    @property
    def catalogued_portals(self) -> list[str]:
        """The portals of these settings that have a catalogue."""
        named = [*([self.domain] if self.domain else []), *self.domains]
        return [domain for domain in dict.fromkeys(named) if self.portal(domain).catalogue]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # pydantic-settings passes all sources
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment overrides the TOML file, which `load` passes as arguments."""
        return env_settings, init_settings


def _toml(path: Path | None) -> tuple[Path, dict[str, object]]:
    """The settings file and its keys: the file of the option or the variable, else the default file if it exists."""
    named = path or (Path(os.environ[FILE_VARIABLE]) if os.environ.get(FILE_VARIABLE) else None)
    file = named or DEFAULT_FILE
    if named is None and not DEFAULT_FILE.exists():
        return file, {}
    try:
        settings = tomllib.loads(file.read_text(encoding='utf-8-sig'))
        return file, {
            name: value for name, value in settings.items() if value != ''
        }  # an empty value means not set, as for variables
    except OSError as error:
        raise SettingsError(f'{file}: cannot read the settings ({error.strerror})', 'name an existing file') from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # invalid TOML or UTF-8, a number with thousands of digits; arrays nested too deeply
        raise SettingsError(f'{file}: invalid TOML ({error})', 'fix this line') from error


def _unknown_setting(name: str, valid_names: Iterable[str], prefix: str = '', source: str = '') -> SettingsError:
    """The error for an unknown setting. `prefix` comes before each name, `source` before the message."""
    near = difflib.get_close_matches(name, valid_names, 1)
    remedy = f'did you mean {prefix}{near[0]}?' if near else 'docs/settings.md lists the settings'
    return SettingsError(f'{source}{prefix}{name} is an unknown setting', remedy)


def _quote(key: str) -> str:
    """A key as TOML writes it."""
    return key if re.fullmatch(r'[\w-]+', key) else json.dumps(key, ensure_ascii=False)


def load(path: Path | None = None) -> Settings:
    """Loads the settings. `path` is the TOML file. Raises SettingsError for the first unknown or invalid setting."""
    file, from_file = _toml(path)
    variables = [name.upper() for name in Settings.model_fields]
    for variable in os.environ:
        name = variable.removeprefix(PREFIX)
        if (
            name not in (variable, *variables)
            and variable not in (FILE_VARIABLE, PROGRAM_VARIABLE)
            and not name.startswith('TEST_')
        ):
            raise _unknown_setting(name, variables, PREFIX)
    for name in from_file:
        if name not in Settings.model_fields:
            raise _unknown_setting(name, Settings.model_fields, source=f'{file}: ')
    try:
        settings = Settings(**from_file)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        setting, *inner = [key for key in first['loc'] if isinstance(key, str) and key != '[key]']
        variable = PREFIX + setting.upper()
        given = os.environ.get(variable)
        source = '' if given else f'{file}: '
        place = [variable if given else setting, *map(_quote, inner)]
        if first['type'] == 'extra_forbidden':
            tables_of: dict[str, type[BaseModel]] = {'follow': Follow, 'pull': Pull}
            is_audience = 'audiences' in place[-3:-2]
            valid_names = (Audience if is_audience else tables_of.get(setting, PortalRules)).model_fields
            raise _unknown_setting(inner[-1], valid_names, '.'.join(place[:-1]) + '.', source) from None
        raise SettingsError(f'{source}{".".join(place)}: {first["msg"].removeprefix("Value error, ")}') from None
    _check_left_out(settings)
    workspaces: dict[str, str] = {}
    for entry in settings.pull:
        if entry.portal in workspaces:
            raise SettingsError(
                f'pull: {workspaces[entry.portal]} and {entry.url} both are for {entry.portal}',
                'keep one of them, or give the other a domain of its own',
            )
        workspaces[entry.portal] = entry.url
    portals: dict[str, str] = {}
    for domain, hosts in settings.hosts_of_portals.items():
        for host in hosts:
            if not DOMAIN.fullmatch(host.removeprefix('*.')):
                raise SettingsError(
                    f'domains."{domain}".hosts: invalid host {host!r}', 'write it as data.example.org or *.data.example.org'
                )
            if host in portals:
                raise SettingsError(f'hosts: {host} is a host of {portals[host]} and of {domain}', 'give it to one of them')
            portals[host] = domain
    return settings


def _check_left_out(settings: Settings) -> None:
    """Raises SettingsError if `left_out` is set and names an audience that no table defines."""
    defined = {name for domain in ('', *settings.domains) for name in settings.portal(domain).audiences}
    of_portals = {
        f'domains."{domain}".left_out': (rules, settings.portal(domain).audiences) for domain, rules in settings.domains.items()
    }
    for place, (rules, names) in {'left_out': (settings, defined), **of_portals}.items():
        for name in rules.left_out if 'left_out' in rules.model_fields_set else ():
            if name not in names:
                raise SettingsError(
                    f'{place}: there is no audience {name[:100]!r}',
                    f'add a table [audiences.{_quote(name[:100])}], or remove the name',
                )
