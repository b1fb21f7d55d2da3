"""Lists of patterns that recognize crawlers and API clients by their user agents."""

import re

from crawlerdetect.providers.crawlers import data as CRAWLER_DETECT_DATA  # type: ignore[import-untyped]
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
AMBIGUOUS = {  # also in the agents of people
    'AP3A\\.240617\\.008', 'Amazon CloudFront',  # a build of Android 15; a proxy that hides the caller
    'Sogou', 'Fluid', 'Code\\/1\\.',  # browsers and an editor
    'Sonic', 'Butterfly', 'Expanse', '008\\/',  # phones: ViewSonic, HTC Butterfly, DESAY TS1008
}  # fmt: skip

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

# Literal texts apart from other patterns: together, the search takes a hundred times as long.
CRAWLER_TEXTS = '|'.join(pattern for pattern in CRAWLERS if _PLAIN.fullmatch(pattern))
CRAWLER_PATTERN = '|'.join(pattern for pattern in CRAWLERS if not _PLAIN.fullmatch(pattern))
PROGRAM_PATTERN = '|'.join(PROGRAMS_ALL)

# The list CrawlerDetect has more crawlers, but also libraries and common words. An agent that names no product is a crawler if it
# contains one of its words. A program with a product is one only if the word is a name: neither a common word nor a library.
_LIBRARIES = re.compile(
    r'(?i)http|curl|wget|client|lib|java|ruby|php|perl|python|lwp|request|office|outlook|word|excel|powerpoint|netnewswire|vlc'
    r'|download|emacs|sharp|unirest|soap|indy|boost|akka|postman|mail|rss|feed|podcast|news|drupal|kube|zapier|fetch|url|access'
    r'|docs|tools|github\\?\.com'
)
_WORD = re.compile(r'[A-Z]?[a-z]+/?')
_WORDS = [pattern for pattern in CRAWLER_DETECT_DATA if _PLAIN.fullmatch(pattern)]
CRAWLER_WORDS = '|'.join(_WORDS)
CRAWLER_NAMES = [
    re.sub(r'\\(\W)', r'\1', name)
    for name in _WORDS
    if len(name) > 5 and not _WORD.fullmatch(name) and not _LIBRARIES.search(name)
]

# What an agent says of itself, if no list has it.
IMITATION = r'^(?i:Mozilla|Opera)/'  # what a browser begins with, and all that want the pages for browsers
CONTACT = r'(?i)https?:/|\bwww\.|\+http|[\w+-]@[a-z\d-]+\.[a-z]'  # of the operator, for the sites that a crawler visits
EMBEDDED = r'bsalsa\.com'  # a component of Internet Explorer that adds its address to the agent of the browser
VERSIONED = r'^[\w.-]+(?:/| v?\d)'  # begins with a product, perhaps in another form than that of HTTP
# A crawler's name within the agent of a browser.
INSERTED = (
    r'\(KHTML, like Gecko; ?(?:compatible; ?)?\w|Safari/[\d.]+ \(compatible; ?\w'
    r'|^Mozilla/\d\.\d \(compatible; \w+/[\d.]+; [^)]*\) AppleWebKit'
    r'|rv:[\d.]+\) (?:[A-FH-Z]|G[^e])\w+/[\d.]+$|(?:Agent|Monitor|Advisor|Checker|Scanner|Crawler|Preview|Fetcher)(?:[/)]|$)'
    r'|(?i:\btranscoder\b|[ ;]proxy[);]|cloudflare|measurement|monitoring|inspector|prospect|[( ]scanner)'
)
# A name in the place of the browser and the operating system.
NAMED = r'^Mozilla/\d\.\d (?:\(compatible; ?[A-Za-z]|\([A-Z]\w+(?:/[\d.]+)?\)|[\w./-]+$)'
NAME = r'(?:compatible; ?|like Gecko; ?|^Mozilla/\d\.\d )([A-Za-z][\w .-]*)'
# Products that look at web sites, not at their data.
SITES = (
    r'(?i)scanner|[ _-]scan\b|crawl|spider|internet.survey|[ _-]audit|-discovery\b|disclosure|\bdomains?\b|\brecon\b|shodan'
    r'|(?:link|site|sitemap|url|seo|web)[ _-]?(?:check|preview|pars|monitor|valid|grab|thumb)|\d (?:subscribers|readers)\b'
)
# What an agent is for that names neither a product nor a browser.
PURPOSE = (
    r'(?i)scan|crawl|spider|check|monitor|validat|analy[sz]er|preview|grabber|fetcher|archiv|survey|audit|prober?\b|robot|search'
    r'|collector|proxy|detect|discover|inspect|indexer|lookup|domain|plugin|user.?agent(?:[^:=]|$)|verification'
    r'|diagnostic|synthetic|\bDCV\b|^amazon-|^(?:google|microsoft|cloudflare)[ -]'
)
