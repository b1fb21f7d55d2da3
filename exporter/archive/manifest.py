"""The JSON beside the CSV of an archived month: what its numbers mean, how exact they are, and what they cover."""

from datetime import date, datetime

import msgspec

COLUMNS = ('month', 'domain', 'publisher', 'dataset', 'title', 'calls', 'queries', 'downloads', 'page_views', 'users')
FIGURES = COLUMNS[5:]
SUFFIXES = ('.csv', '.json')
DEFINITIONS = {
    'month': "the month, in the portal's time zone",
    'domain': 'the portal',
    'publisher': "the publisher, as the portal's catalogue named it when the archive was written; empty: not known",
    'dataset': "the data set: its identifier in the portal's catalogue, or else its name in the requests",
    'title': "the title, as the portal's catalogue had it when the archive was written; empty: not known",
    'calls': 'all answered requests for the data set, whatever their status, without those of crawlers',
    'queries': 'calls that read data through an API',
    'downloads': 'one caller getting one file within one clock hour, however many requests it took',
    'page_views': "calls of the data set's web page",
    'users': 'accounts, and visitors without an account, told apart by their IP address; a user of two data sets counts for '
    'each, so users do not add up',
    'calls_without_dataset': 'calls that request no data set; they have no row in the CSV',
    'deleted_calls': 'calls of accounts that were deleted (forget) from the logs of this month before the archive was written',
    'counting_rules': "the versions of the program's counting rules by which the calls were counted",
    'public_minimum': 'a smaller number of users is shown as fewer than this; nobody is 0',
    'gaps': 'more than a day without a call of any kind, also at the beginning and the end of the month',
}
ESTIMATORS = {
    'calls, queries, page_views': 'counted exactly',
    'users, downloads': "ClickHouse's uniq: exact up to 65,536 but for collisions of hashes (at most 1 in 10,000); above, a mean "
    'error of 0.4 % and a largest one of 1.6 %, measured with up to 1,000,000',
}
COVERAGE = 'only calls that reached this server: cached and externally hosted files are not seen'


class Gap(msgspec.Struct, frozen=True, rename={'from_': 'from'}):
    """A time without calls, in the portal's time zone."""

    from_: str
    to: str


class Coverage(msgspec.Struct, frozen=True):
    """When calls of a month came in, with those of crawlers: date-times, or days where the calls themselves were removed."""

    first_call: str
    last_call: str
    gaps: list[Gap]


class Catalogue(msgspec.Struct, frozen=True):
    """The catalogue of a portal that an archive used; `names` is a hash of which names mean which data set."""

    updated: datetime
    names: str


class PortalMonth(msgspec.Struct, frozen=True):
    """One portal in an archive: its totals, and what is needed to compute the month again."""

    domain: str
    timezone: str
    public_minimum: int
    calls: int
    queries: int
    downloads: int
    page_views: int
    users: int | str
    calls_without_dataset: int
    deleted_calls: int
    coverage: Coverage
    counting_rules: list[int]  # the versions that counted the calls
    catalogue: Catalogue | None


class Manifest(msgspec.Struct, frozen=True):
    """The JSON of an archived month. `domain` is the only portal that was asked for, or null for all portals."""

    month: str
    domain: str | None
    written: datetime
    program: str
    csv: str
    sha256: str
    portals: list[PortalMonth]
    definitions: dict[str, str] = msgspec.field(default_factory=lambda: DEFINITIONS)
    estimators: dict[str, str] = msgspec.field(default_factory=lambda: ESTIMATORS)
    coverage: str = COVERAGE


def stem(month: date, domain: str | None) -> str:
    """The name of an archive's files without their suffix: archives of all portals and of each portal differ."""
    return f'{month:%Y-%m}-{domain}' if domain else f'{month:%Y-%m}'
