"""Turns the values of logged fields into accounts: names stay, secrets become what an API key becomes."""

import re
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from exporter.config import ACCOUNT_FIELD

# Names of fields whose values are secrets; docs/settings.md lists them.
SECRET = re.compile(
    r'authori[sz]ation|auth$|cookie|key(?![a-z])|keys|token|secret|sess|(?:^|[^a-z])sid(?![a-z])|passw|jwt(?!.claim)'
)
SCHEME = re.compile(r'^(?:apikey|bearer|token|basic) +', re.IGNORECASE)  # before the secret in Authorization
LEAST = 1_000  # calls of a followed log; callers need not send a field in fewer


def is_secret(source: str) -> bool:
    """Whether the values of a field are secrets, by its name: another person could use them to act as the caller."""
    return SECRET.search(source.removeprefix(ACCOUNT_FIELD).lower()) is not None


def account_reader(source: str, accounts: Mapping[str, str], hash_api_key: Callable[[str], str]) -> Callable[[str], str]:
    """Returns a function from a value of a field to its account; '' is none.

    `accounts` are those of API keys. A secret that is not among them is hashed, without the scheme of an Authorization header: an
    account is then the same whether its API key comes in the header or in the query.
    """

    def name_of(value: str) -> str:
        name = value.strip()
        return name and (accounts.get(name) or name)

    def secret_of(value: str) -> str:
        api_key = SCHEME.sub('', value.strip())
        # what a scheme such as Digest has behind it is another at each request
        changes = ' ' in api_key and 'authori' in source.lower()
        return '' if api_key in ('', '-') else accounts.get(api_key) or ('' if changes else hash_api_key(api_key))

    return secret_of if is_secret(source) else name_of


class FieldSample:
    """Notes which fields of the setting `accounts` the lines of logs have. One thread at a time may call it."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.calls = 0
        self.unseen = list(sources)

    def add(self, calls: pl.DataFrame) -> None:
        """Adds calls of a log, with a column for each source: null where the line does not have the field."""
        if self.unseen and self.unseen[0] in calls.columns:
            self.calls += len(calls)
            self.unseen = [source for source in self.unseen if not calls[source].count()]

    def warning(self, least: int = LEAST) -> str:
        """A warning if at least so many calls were added and a field is in none of their lines, else ''. It is given once."""
        if not self.unseen or self.calls < least:
            return ''
        names, self.unseen = ' and '.join(self.unseen), []
        return (
            f'accounts: no line of {self.calls:,} calls has {names}; '
            'log the field and give its notation in log_format, or correct the name'
        )
