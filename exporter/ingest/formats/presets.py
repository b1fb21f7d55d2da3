"""The log formats that have a name, from the most specific to the most general: detection takes the first that fits."""

import re

import polars as pl

from exporter.ingest.formats import Escape, Format, Time
from exporter.ingest.formats.access_log import read_access_log, without_misread
from exporter.ingest.formats.notation import CAPTURE, notation_format, pattern_reader

COMMON = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
COMBINED = f'{COMMON} "$http_referer" "$http_user_agent"'
APACHE_HEAD = '%h %l %u %t "%r" %>s %b'
APACHE_COMBINED = f'{APACHE_HEAD} "%{{Referer}}i" "%{{User-Agent}}i"'
VHOST = r'(?<host>(?:[\w.-]*[A-Za-z][\w.-]*|\[[0-9A-Fa-f:.]+\])(?::\d+)?)'
ADDRESS = r'(?:[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:]*|unix:|-)'
IDENT = r'\S+ '
CLF = rf'{IDENT}(?<user>.+?) \[(?<time>[^\]\s]* [^\]\s]*)\] "(?<request>{CAPTURE})" (?<status>\S+) (?<bytes>\S+)'
AGENT = rf'"(?<referrer>{CAPTURE})" "(?<agent>.*?)"'
LIST = r'(?<ip>[^\s,]+(?:, ?[^\s,]+)*)'  # an address, or all of a forwarded header in its place


def _pattern(
    name: str,
    pattern: str,
    time: Time = Time.CLF,
    escape: Escape = Escape.BACKSLASH,
    seconds: float = 1.0,
    only_forwarded: bool = False,
    evidence: str = '',
    has_messages: bool = False,
) -> Format:
    """Returns a format of one pattern. A group `agent_2` has the agent where the group `agent` takes no part."""
    groups = re.findall(r'\(\?<(\w+)>', pattern)
    others = [group for group in groups if group.endswith('_2')]
    extract = pattern_reader(f'^{pattern}\\s*$', groups)
    extract_loosely = pattern_reader(f'^{pattern.replace(CAPTURE, ".*?")}\\s*$', groups)

    def read(texts: pl.Series) -> pl.DataFrame:
        fields = extract(texts)
        failed = fields['time'].is_null()
        if CAPTURE in pattern and failed.any():  # some servers do not escape quotes
            fields = (
                pl.concat(
                    [
                        fields.with_row_index().filter(~failed),
                        extract_loosely(texts.filter(failed)).insert_column(0, fields.with_row_index()['index'].filter(failed)),
                    ]
                )
                .sort('index')
                .drop('index')
            )
        coalesced = [pl.coalesce(other.removesuffix('_2'), other).alias(other.removesuffix('_2')) for other in others]
        fields = fields.with_columns(coalesced).drop(others)
        return without_misread(fields, texts) if CLF.removeprefix(IDENT) in pattern else fields

    return Format(name, read, time, escape, seconds, only_forwarded, has_messages=has_messages, evidence=evidence)


# https://docs.haproxy.org/2.6/configuration.html#8.2.3; captures: of the requested host, the agent and the forwarded address
HAPROXY = (
    r'(?<ip>\S+):\d+ \[(?<time>[^\]]+)\] \S+ \S+ -?\d+/-?\d+/-?\d+/-?\d+/\+?(?<duration>-?\d+) (?<status>-?\d+) '
    r'\+?(?<bytes>\d+) \S+ \S+ \S+ \S+ \S+ '
    r'(?:\{(?<host>[^|}]*)\|(?<agent>.*?)(?:\|(?<forwarded>[^|}]*))?\} |\{(?<host_2>[^|}]*)\} )?(?:\{[^}]*\} )?'
    r'"(?<request>[^"]*)"?'
)
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html; fields are appended
ALB = (
    r'(?:http|https|h2|grpcs|ws|wss) (?<time>\S+Z) \S+ (?<ip>\S+):\d+ \S+ (?:-1|[\d.]+) (?<duration>-1|[\d.]+) (?:-1|[\d.]+) '
    r'(?<status>\S+) \S+ \d+ (?<bytes>\d+) "(?<request>[^"]*)" "(?<agent>.*?)" \S+ \S+ .*'
)
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
S3 = (
    r'\S+ \S+ \[(?<time>[^\]]+)\] (?<ip>\S+) (?<user>\S+) \S+ [A-Z0-9.]+\.[A-Z0-9._]+ \S+ '
    r'(?:"(?<request>[^"]*)"|-) (?<status>\S+) \S+ (?<bytes>\S+) \S+ (?<duration>\S+) \S+ (?:"(?<referrer>[^"]*)"|-) '
    r'(?:"(?<agent>.*?)"|-) \S+.*'
)
# https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
ENVOY = (
    r'\[(?<time>[^\]]+)\] "(?<request>.*?)" (?<status>\d+) \S+ (?:\S+ )?(?:\S+ )?(?:"[^"]*" )?\d+ (?<bytes>\d+) '
    r'(?<duration>\d+|-) (?:\d+|-) "(?<forwarded>.*?)" "(?<agent>.*?)" "[^"]*" "(?<host>[^"]*)" "[^"]*".*'
)
# https://wiki.squid-cache.org/Features/LogFormat
SQUID = (
    r'(?<time>\d+\.\d+) +(?<duration>\d+) (?<ip>\S+) [A-Z_]+[A-Z]/(?<status>\d+) (?<bytes>\d+) (?<method>\S+) (?<target>\S+) '
    r'(?<user>\S+) \S+ .*'
)
# https://uwsgi-docs.readthedocs.io/en/latest/LogFormat.html
UWSGI = (
    r'\[pid: [^\]]*\] (?<ip>\S+) \((?<user>.*?)\) \{[^}]*\} \[(?<time>[^\]]+)\] (?<method>\S+) (?<target>.*?) => '
    r'generated (?<bytes>\d+) bytes in (?<duration>\d+) msecs \(HTTP/\S+ (?<status>\d+)\).*'
)
HYPERCORN = (
    r'\[[^\]]*\] \[\d+\] \[INFO\] (?<ip>\S+):\d+ - - \[(?<time>[^\]]+)\] "(?<method>\S+) (?<target>.*?) [\d.]+" '
    r'(?<status>\S+) (?<bytes>\S+) "(?<referrer>.*?)" "(?<agent>.*)"'
)
WERKZEUG = r'(?<ip>\S+) - - \[(?<time>\d+/\w+/\d+ [^\]]+)\] "(?<request>.*)" (?<status>\S+) -'
TSV = (
    r'(?<time>\d{4}-\d\d-\d\d[T ][^\t]+)\t(?<ip>[^\t]+)\t(?<method>[A-Z-]*)\t(?<target>[^\t]*)\t(?<status>\d{3}|-)'
    r'\t(?<bytes>\d+|-)(?:\t(?<agent>[^\t]*))?.*'
)


def _read_combined(texts: pl.Series) -> pl.DataFrame:
    fields = read_access_log(texts)
    return (
        fields
        if fields['agent'].count() == len(fields)
        else fields.with_columns(pl.when(pl.col('agent').is_not_null()).then(name).alias(name) for name in fields.columns)
    )


def _read_common(texts: pl.Series) -> pl.DataFrame:
    fields = read_access_log(texts)
    if not fields['agent'].count():
        return fields
    return fields.with_columns(pl.when(pl.col('agent').is_null()).then(name).alias(name) for name in fields.columns)


def _read_without_agents(texts: pl.Series) -> pl.DataFrame:
    return read_access_log(texts).with_columns(pl.lit(None, pl.String).alias(name) for name in ('agent', 'referrer'))


PRESETS: dict[str, Format] = {
    preset.name: preset
    for preset in (
        _pattern('haproxy', HAPROXY, Time.CLF, Escape.HASH, 1e-3),
        _pattern('aws_alb', ALB, Time.ISO, Escape.BACKSLASH),
        _pattern('aws_s3', S3, seconds=1e-3),
        _pattern('envoy', ENVOY, Time.ISO, Escape.NONE, 1e-3, only_forwarded=True),
        _pattern('squid', SQUID, Time.UNIX, Escape.NONE, 1e-3),
        _pattern('uwsgi', UWSGI, Time.CTIME, Escape.NONE, 1e-3, has_messages=True),
        _pattern('hypercorn', HYPERCORN, Time.CLF, Escape.NONE, has_messages=True),
        _pattern('werkzeug', WERKZEUG, Time.CLF, Escape.BACKSLASH, has_messages=True),
        _pattern('tsv', TSV, Time.ISO),
        _pattern(
            'haproxy_clf',
            rf'(?<ip>\S+) {CLF} "[^"]*" "[^"]*" \d+ \d+ "[^"]*" "[^"]*" "[^"]*" \S+ \S+ \S+ \S+ (?<duration>\S+) .*',
            escape=Escape.HASH,
            seconds=1e-3,
        ),
        _pattern(
            'ingress_nginx',
            rf'(?<ip>\S+) {CLF} {AGENT} \d+ (?<duration>[\d.]+) \[[^\]]*\] \[[^\]]*\] .*',
        ),
        _pattern('traefik', rf'{LIST} {CLF} {AGENT} \d+ "[^"]*" "[^"]*" (?<duration>\d+)ms', seconds=1e-3),
        notation_format(f'{COMBINED} "$http_x_forwarded_for"', name='nginx_main'),
        _pattern('nginx_main_timed', rf'(?<ip>\S+) {CLF} {AGENT} (?<duration>\d+\.\d+) "(?<forwarded>[^"]*)"'),
        _pattern('combined_duration_us', rf'(?<ip>\S+) {CLF} {AGENT} (?<duration>\d+) "(?<forwarded>{CAPTURE})"', seconds=1e-6),
        _pattern('combined_timed', rf'(?<ip>\S+) {CLF} {AGENT} (?<duration>\d+\.\d+)'),
        notation_format(f'{APACHE_COMBINED} %I %O'.replace('%b ', '%b '), name='combinedio'),
        _pattern('vhost_combined', rf'{VHOST} (?<ip>{ADDRESS}) {CLF} {AGENT}'),
        _pattern('vhost_common', rf'{VHOST} (?<ip>{ADDRESS}) {CLF}'),
        _pattern('lighttpd', rf'(?<ip>\S+) (?<host>\S+) {CLF.removeprefix(IDENT)} {AGENT}', evidence='host'),
        Format('combined', _read_combined, escape=Escape.BACKSLASH),
        _pattern('squid_common', rf'(?<ip>\S+) {CLF} [A-Z_]+:[A-Z_]+'),
        Format('common', _read_common, escape=Escape.BACKSLASH),
    )
}
# What `log_format = "common"` reads: also lines in the combined format, without their agents.
COMMON_FIELDS = Format('common', _read_without_agents, escape=Escape.BACKSLASH)
