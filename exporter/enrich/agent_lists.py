"""What tells crawlers, and the programs that people read an API with, by their user agents."""

import re

from crawleruseragents import CRAWLER_USER_AGENTS_DATA  # type: ignore[import-untyped]

# The list crawler-user-agents tells crawlers from libraries (its tag http-library), with which anybody's programs read
# an API. A few of its entries are divided otherwise here.
MADE_TO_CRAWL = {  # libraries that follow links: what calls through them is a crawler, whoever runs it
    'phpcrawl', 'HTTrack', 'SimpleCrawler', 'crawler4j', 'Scrapy', 'newspaper\\/', 'python-opengraph', 'colly',
    '[mM]echanize', 'trafilatura', 'GoParserBot', 'larbin', 'rawweb-bot',
}  # fmt: skip
READS_FOR_PEOPLE = {  # spreadsheets, scripts, web sites and automations, which people make read an API
    'GoogleDocs', 'Google-Apps-Script', 'AppEngine-Google', 'WordPress\\/', 'Zapier', 'Make\\/', 'IFTTT\\/',
}  # fmt: skip
TELLS_NOTHING = {'AP3A\\.240617\\.008', 'Amazon CloudFront'}  # a build of Android 15; a proxy that hides who calls

# Of no list: programs that do not begin with a product and its version as HTTP has it, or that ua-parser takes for
# crawlers; and what asks a portal whether it is well.
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


def _divided() -> tuple[list[str], list[str]]:
    """The patterns of crawlers and those of programs, of the list and of ours."""
    crawlers, programs = list(HEALTH_CHECKS), list(PROGRAMS)
    for entry in CRAWLER_USER_AGENTS_DATA:
        pattern, library = entry['pattern'], 'http-library' in entry['tags']
        if pattern in READS_FOR_PEOPLE or (library and pattern not in MADE_TO_CRAWL | TELLS_NOTHING):
            programs.append(pattern)
        elif pattern not in TELLS_NOTHING:
            crawlers.append(pattern)
    return crawlers, programs


CRAWLERS, PROGRAMS_ALL = _divided()
_PLAIN = re.compile(r'(?:[^\\^$.|?*+()\[\]{}]|\\\W)+')  # a pattern that is a text, its punctuation escaped

CRAWLER_TEXTS = [re.sub(r'\\(\W)', r'\1', pattern) for pattern in CRAWLERS if _PLAIN.fullmatch(pattern)]
CRAWLER_PATTERN = '|'.join(pattern for pattern in CRAWLERS if not _PLAIN.fullmatch(pattern))
PROGRAM_PATTERN = '|'.join(PROGRAMS_ALL)
