"""The JSON formats of products, by their names."""

from exporter.ingest.formats import Format, Time
from exporter.ingest.formats.json_lines import json_format

# What products write, https://caddyserver.com/docs/caddyfile/directives/log, https://doc.traefik.io/traefik/observability/access-logs/,
# https://developers.cloudflare.com/logs/logpush/logpush-job/datasets/zone/http_requests/,
# https://learn.microsoft.com/azure/application-gateway/monitor-application-gateway-reference,
# https://learn.microsoft.com/azure/frontdoor/monitor-front-door-reference,
# https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#HttpRequest, https://developer.konghq.com/plugins/file-log/
JSON_PRESETS: dict[str, Format] = {
    each.name: each
    for each in (
        json_format(
            'caddy',
            {
                'time': 'ts',
                'ip': ('request.client_ip', 'request.remote_ip', 'request.remote_addr'),  # the address: since 2.7, 2.5, before
                'forwarded': 'request.headers.X-Forwarded-For',
                'host': 'request.host',
                'user': 'user_id',
                'method': 'request.method',
                'target': 'request.uri',
                'status': 'status',
                'bytes': 'size',
                'agent': 'request.headers.User-Agent',
                'referrer': 'request.headers.Referer',
                'duration': 'duration',
            },
            time=Time.UNIX,
        ),
        json_format(
            'traefik-json',
            {
                'time': ('StartUTC', 'time'),  # `time` is the end
                'ip': 'ClientHost',
                'host': ('RequestAddr', 'RequestHost'),  # RequestHost cuts [::1]:8080 to a colon
                'user': 'ClientUsername',
                'method': 'RequestMethod',
                'target': 'RequestPath',
                'status': 'DownstreamStatus',
                'bytes': 'DownstreamContentSize',
                'agent': 'request_User-Agent',
                'referrer': 'request_Referer',
                'duration': 'Duration',
            },
            seconds=1e-9,
            only_forwarded=True,  # behind a trusted proxy ClientHost is the whole header
        ),
        json_format(
            'cloudflare',
            {
                'time': ('EdgeStartTimestamp', 'EdgeEndTimestamp'),
                'ip': 'ClientIP',
                'host': 'ClientRequestHost',
                'method': 'ClientRequestMethod',
                'target': ('ClientRequestURI', 'ClientRequestPath'),
                'status': 'EdgeResponseStatus',
                'bytes': 'EdgeResponseBytes',
                'agent': 'ClientRequestUserAgent',
                'referrer': 'ClientRequestReferer',
            },
        ),
        json_format(
            'azure',  # Application Gateway and Front Door; their names differ in case
            {
                'time': ('time', 'timeStamp', 'timestamp'),
                'ip': ('properties.clientIP', 'properties.clientIp'),
                'host': ('properties.originalHost', 'properties.host', 'properties.hostName', 'properties.hostname'),
                'method': ('properties.httpMethod', 'properties.httpmethod'),
                'target': ('properties.originalRequestUriWithArgs', 'properties.requestUri', 'properties.requestURI'),
                'query': ('properties.requestQuery', 'properties.requestquery'),
                'status': ('properties.httpStatus', 'properties.httpStatusCode'),
                'bytes': ('properties.sentBytes', 'properties.responseBytes'),
                'agent': ('properties.userAgent', 'properties.UserAgent'),
                'referrer': ('properties.referer', 'properties.referrer'),
                'duration': ('properties.timeTaken', 'properties.timetaken'),
            },
        ),
        json_format(
            'google',
            {
                'time': 'timestamp',
                'ip': 'httpRequest.remoteIp',
                'method': 'httpRequest.requestMethod',
                'target': 'httpRequest.requestUrl',
                'status': 'httpRequest.status',
                'bytes': 'httpRequest.responseSize',
                'agent': 'httpRequest.userAgent',
                'referrer': 'httpRequest.referer',
                'duration': 'httpRequest.latency',
            },
        ),
        json_format(
            'kong',
            {
                'time': 'started_at',
                'ip': 'client_ip',
                'forwarded': 'request.headers.x-forwarded-for',
                'host': 'request.headers.host',
                'user': ('consumer.username', 'consumer.custom_id'),
                'method': 'request.method',
                'target': ('request.uri', 'request.url'),
                'status': 'response.status',
                'bytes': 'response.size',
                'agent': 'request.headers.user-agent',
                'referrer': 'request.headers.referer',
                'duration': 'latencies.request',
            },
            time=Time.UNIX,
            seconds=1e-3,
        ),
        json_format(
            'apache-json',  # the LogFormat that Loggly's and other guides give
            {
                'time': 'time',
                'ip': 'remoteIP',
                'host': 'host',
                'method': 'method',
                'target': 'request',
                'query': 'query',
                'status': 'status',
                'bytes': 'bytes',
                'agent': 'userAgent',
                'referrer': 'referer',
                'duration': 'process',  # %D
            },
            seconds=1e-6,
        ),
    )
}
