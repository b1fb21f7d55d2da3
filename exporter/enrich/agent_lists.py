"""Lists of patterns that recognize crawlers and API clients by their user agents."""

import re

from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # type: ignore[import-untyped]

# The list crawler-user-agents tags libraries as http-library: any program may read an API with them. These are the entries
# that are classified otherwise here.
MADE_TO_CRAWL = {  # libraries that follow links, so their callers are crawlers
    'phpcrawl', 'HTTrack', 'SimpleCrawler', 'crawler4j', 'Scrapy', 'newspaper\\/', 'python-opengraph', 'colly',
    '[mM]echanize', 'trafilatura', 'GoParserBot', 'larbin', 'rawweb-bot',
}  # fmt: skip
READS_FOR_PEOPLE = {  # spreadsheets, scripts, web sites and automations that read an API for people
    'GoogleDocs', 'Google-Apps-Script', 'AppEngine-Google', 'WordPress\\/', 'Zapier', 'Make\\/', 'IFTTT\\/',
}  # fmt: skip
AMBIGUOUS = {'AP3A\\.240617\\.008', 'Amazon CloudFront'}  # a build of Android 15; a proxy that hides the caller

# In no list: programs that do not begin with a product and its version as in HTTP, or that ua-parser considers crawlers;
# and health checks.
PROGRAMS = [
    'QGIS', 'ArcGIS', 'Google ?Earth', 'GeoServer', 'OWSLib', 'GDAL',  # maps
    'Microsoft\\.Data\\.Mashup', 'MSOffice', 'ms-office', 'Microsoft (?:Office )?Excel', 'Microsoft Office',
    'LibreOffice', 'Power ?BI', 'Tableau', 'KNIME', 'OpenRefine', 'MATLAB', '^Stata',  # tables
    'httr2?', 'RCurl', '^RStudio', '^R \\(', '^pandas', '^polars', '^duckdb', 'SPARQLWrapper',  # data science
    '(?:Windows)?PowerShell', '^Thunder Client', '^n8n', '^Drupal', '^Talend', 'NiFi', 'SAP NetWeaver',  # tools
    '^Java\\/', '^Google-HTTP-Java-Client', '^python-urllib3', 'WinHTTP', '^Ruby', '^node$', '^undici', 'superagent',
    '(?i:ktor.client)', '^Typhoeus', '^Faraday', '^Symfony HttpClient', '^Zend_Http_Client',  # languages
]  # fmt: skip
HEALTH_CHECKS = [
    'kube-probe', 'GoogleHC', 'Envoy\\/HC', '^AlwaysOn', '^Prometheus', '^Blackbox', '^Elastic-Heartbeat', 'Zabbix',
    '(?i:health.?(?:check|probe))',
]  # fmt: skip


def _patterns() -> tuple[list[str], list[str]]:
    """The patterns of crawlers and of programs, from the list and from this module."""
    crawlers, programs = list(HEALTH_CHECKS), list(PROGRAMS)
    for entry in CRAWLER_USER_AGENTS_DATA:
        pattern, is_library = entry['pattern'], 'http-library' in entry['tags']
        if pattern in READS_FOR_PEOPLE or (is_library and pattern not in MADE_TO_CRAWL | AMBIGUOUS):
            programs.append(pattern)
        elif pattern not in AMBIGUOUS:
            crawlers.append(pattern)
    return crawlers, programs


CRAWLERS, PROGRAMS_ALL = _patterns()
_PLAIN = re.compile(r'(?:[^\\^$.|?*+()\[\]{}]|\\\W)+')  # a pattern that is a literal text, with escaped punctuation

CRAWLER_TEXTS = [re.sub(r'\\(\W)', r'\1', pattern) for pattern in CRAWLERS if _PLAIN.fullmatch(pattern)]
CRAWLER_PATTERN = '|'.join(pattern for pattern in CRAWLERS if not _PLAIN.fullmatch(pattern))
PROGRAM_PATTERN = '|'.join(PROGRAMS_ALL)
