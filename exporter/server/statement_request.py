"""What a request of ClickHouse's HTTP interface has beside its statement, https://clickhouse.com/docs/interfaces/http."""

import re
from collections.abc import Mapping

PARAMETER = 'param_'
# URL parameters that are no settings.
TRANSPORT = re.compile(
    'query|database|user|password|query_id|quota_key|role|session_(id|timeout|check)|compress|decompress|stacktrace|'
    'wait_end_of_query|buffer_size|default_format|client_protocol_version|enable_http_compression|http_.*'
)


def parameters(values: Mapping[str, str]) -> dict[str, str]:
    """The values of a statement's parameters, {name:Type}."""
    return {name.removeprefix(PARAMETER): value for name, value in values.items() if name.startswith(PARAMETER)}


def settings(values: Mapping[str, str]) -> dict[str, str]:
    """The settings with which a statement is to run."""
    return {name: value for name, value in values.items() if not TRANSPORT.fullmatch(name) and not name.startswith(PARAMETER)}
