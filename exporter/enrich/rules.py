"""The rules of the usual kinds of portals: from the path of a request to its data set and its action."""

from typing import NamedTuple

from exporter.model.call import Action


class Rule(NamedTuple):
    """What the requests whose path matches `path` do.

    The data set is in the group of `path`, or else in one of the `parameters`, or in the group of `query`, a pattern for the
    query string.
    """

    path: str
    action: Action = Action.OTHER
    parameters: tuple[str, ...] = ()
    query: str = ''


NO_RULE = Rule('')  # of a path that no other matches

ROOT = r'^(?:/[^/]+){0,3}?'  # a portal may lie below a path, and its pages below a language: /catalog/fr/dataset/trees
FOUR_BY_FOUR = r'([0-9a-z]{4}-[0-9a-z]{4})'
END = r'(?:[/.?;]|$)'
SEGMENT = '(?:/|$)'  # ends a part of the path

# https://help.opendatasoft.com/apis/ods-explore-v2/ and, before it, /apis/ods-explore-v1/
_EXPLORE = r'^/api/(?:explore/)?v2(?:\.\d)?/(?:catalog|monitoring)'
OPENDATASOFT = (
    Rule(rf'{_EXPLORE}/datasets/([^/]+)/(?:exports|files|attachments|snapshots|alternative_exports)/[^/]', Action.DOWNLOAD),
    Rule(rf'{_EXPLORE}/datasets/([^/]+)/(?:records|aggregates|facets|query)', Action.QUERY),
    Rule(rf'{_EXPLORE}/datasets/([^/]+)', Action.METADATA),
    Rule(rf'{_EXPLORE}/(?:datasets|facets|aggregates|query){END}', Action.SEARCH),
    Rule(rf'{_EXPLORE}(?:/exports|/metadata_templates|{END})', Action.METADATA),
    Rule(r'^/api/records/1\.0/download', Action.DOWNLOAD, ('dataset', 'datasetid')),
    Rule(r'^/api/records/1\.0/(?:geocluster|geopreview|boundingbox)', Action.MAP, ('dataset', 'datasetid')),
    Rule(r'^/api/records/(?:1\.0|v2)/', Action.QUERY, ('dataset', 'datasetid')),
    Rule(r'^/api/datasets/1\.0/search', Action.SEARCH, ('dataset', 'datasetid')),
    Rule(r'^/api/datasets/1\.0/([^/]+)/(?:attachments|files|images|alternative_exports)/[^/]', Action.DOWNLOAD),
    Rule(r'^/api/datasets/1\.0/([^/]+)', Action.METADATA),
    Rule(r'^/api/(?:odata|tpf)/([^/$][^/]*)', Action.QUERY),
    Rule(r'^/api/(?:odata|tpf|csw)(?:/|$)', Action.METADATA),
    Rule(r'^/api/(?:wfs|wms)(?:/|$)', Action.MAP),
    Rule(r'^/explore/dataset/([^/]+)/(?:download|files/[^/]+/download|alternative_exports/[^/])', Action.DOWNLOAD),
    Rule(r'^/explore/(?:embed/)?dataset/([^/]+)', Action.PAGE),
    Rule(r'^/map/(?:embed/)?dataset/([^/]+)', Action.MAP),
    Rule(r'^/explore/?$', Action.SEARCH),
    Rule(r'^/map/?$', Action.MAP),
    Rule(r'^/(?:pages|page|chart|publish|account|login|signup)(?:/|$)', Action.PAGE),
)  # fmt: skip

# https://docs.ckan.org/en/latest/api/ and https://github.com/ckan/ckan/tree/master/ckan/views. Names have no dot;
# https://github.com/ckan/ckanext-dcat adds the formats of RDF.
_RDF = r'(?:rdf|xml|ttl|n3|jsonld)'
_CKAN_PAGES = (  # the first words after /dataset that name no data set
    'new', 'edit', 'activity', 'changes', 'changes_multiple', 'groups', 'follow', 'unfollow', 'followers', 'resources', 'delete',
    'history', 'history_ajax', 'collaborators', 'new_resource', 'new_metadata', 'read_ajax', 'autocomplete', 'resource',
)  # fmt: skip
_IDS = ('id', 'name_or_id')
_TABLE = r'(?i)(?:from|join)(?:%20|%0a|\+|\s)+(?:%22|")([^"%&]+)(?:%22|")'  # in SQL
_ACTION = rf'{ROOT}/api/(?:[123]/)?action'
CKAN = (
    Rule(rf'{_ACTION}/datastore_search_sql', Action.QUERY, query=_TABLE),
    Rule(rf'{_ACTION}/datastore_search', Action.QUERY, ('resource_id', 'id')),
    Rule(rf'{_ACTION}/(?:package|resource|tag|group|organization|user|format|license)_(?:search|autocomplete)', Action.SEARCH),
    Rule(rf'{_ACTION}/datastore_info', Action.METADATA, ('resource_id', 'id')),
    Rule(rf'{_ACTION}/(?:package|dataset|resource)_[a-z_]*(?:show|list)', Action.METADATA, ('package_id', 'resource_id', *_IDS)),
    Rule(rf'{_ACTION}/(?:[a-z_]*_(?:show|list)|help_show|status_show)', Action.METADATA),
    Rule(rf'{_ACTION}/(?:package|dataset|resource|datastore)_', Action.OTHER, ('package_id', 'resource_id', *_IDS)),
    Rule(rf'{_ACTION}/', Action.OTHER, ('package_id', 'resource_id')),
    Rule(rf'{ROOT}/api/(?:[123]/)?rest/(?:dataset|package)/([^/]+)', Action.METADATA),
    Rule(rf'{ROOT}/api/(?:[123]/)?search/', Action.SEARCH),
    Rule(rf'{ROOT}/datastore/dump/([^/]+)', Action.DOWNLOAD),
    Rule(rf'{ROOT}/datastore/odata[0-9.]*/([^/]+)', Action.QUERY),
    Rule(rf'{ROOT}/dataset/(?:{"|".join(_CKAN_PAGES)})(?:/|$)', Action.PAGE),
    Rule(rf'{ROOT}/dataset/([^/]+)/resource/[^/]+/download', Action.DOWNLOAD),
    Rule(rf'{ROOT}/dataset/([^/.]+)\.{_RDF}$', Action.METADATA),
    Rule(rf'{ROOT}/dataset/([^/]+)', Action.PAGE),
    Rule(rf'{ROOT}/dataset/?$', Action.SEARCH),
    Rule(rf'{ROOT}/catalog\.{_RDF}$', Action.METADATA),
    Rule(rf'{ROOT}/feeds/', Action.METADATA),
    Rule(r'^(?:/[a-z]{2}(?:_[A-Za-z]+)?)?/(?:organization|group|about|user|dashboard)(?:/|$)', Action.PAGE),
)  # fmt: skip

# https://dev.socrata.com/docs/endpoints.html, https://dev.socrata.com/docs/other/metadata.html
SOCRATA = (
    Rule(rf'^/api/(?:v3/views|views)/{FOUR_BY_FOUR}/(?:export|rows\.|files/|geospatial|obj)', Action.DOWNLOAD),
    Rule(rf'^/(?:download|api/geospatial|api/assets)/{FOUR_BY_FOUR}(?:\W|$)', Action.DOWNLOAD),
    Rule(rf'^/api/v3/views/{FOUR_BY_FOUR}/query', Action.QUERY),
    Rule(rf'^/(?:resource|api/id|api/odata/v4|OData\.svc)/{FOUR_BY_FOUR}(?:\W|$)', Action.QUERY),
    Rule(rf'^/api/(?:v3/views|views(?:/metadata/v1)?)/{FOUR_BY_FOUR}(?:\W|$)', Action.METADATA),
    Rule(rf'^/d/{FOUR_BY_FOUR}(?:\W|$)', Action.PAGE),
    Rule(rf'^/(?:[a-z]{{2}}/)?(?:dataset|stories|[A-Z][^/]*)/[^/]+/{FOUR_BY_FOUR}(?:\W|$)', Action.PAGE),
    Rule(r'^/(?:browse|api/catalog/v1|api/search/views)(?:\W|$)', Action.SEARCH),
    Rule(r'^/data\.json$', Action.METADATA),
)  # fmt: skip

# https://github.com/opendatateam/udata and https://guides.data.gouv.fr/guide-data.gouv.fr/api
_LANGUAGE = r'^(?:/[a-z]{2})?'
UDATA = (
    Rule(rf'{_LANGUAGE}(?:/api/1)?/datasets/r/([^/]+)', Action.DOWNLOAD),
    Rule(r'^/api/(?:1/datasets/suggest|1/datasets/?$|2/datasets/(?:search/?)?$)', Action.SEARCH),
    Rule(r'^/api/[12]/datasets/([^/]+)', Action.METADATA),
    Rule(r'^/api/resources/([0-9a-f-]{36})/(?:data|aggregate)', Action.QUERY),
    Rule(r'^/api/[12]/(?:site/|catalog)', Action.METADATA),
    Rule(r'^/api/[12]/[a-z]+/(?:search|suggest)', Action.SEARCH),
    Rule(r'^/api/[12]/(?:organizations|reuses|dataservices|topics|tags|spatial|users|discussions)', Action.METADATA),
    Rule(rf'{_LANGUAGE}/datasets/([^/.]+)\.{_RDF}$', Action.METADATA),
    Rule(rf'{_LANGUAGE}/datasets/?$', Action.SEARCH),
    Rule(rf'{_LANGUAGE}/datasets/([^/]+)', Action.PAGE),
    Rule(rf'{_LANGUAGE}/(?:search)(?:/|$)', Action.SEARCH),
    Rule(rf'{_LANGUAGE}/(?:organizations|reuses|posts|dataservices)(?:/|$)', Action.PAGE),
)  # fmt: skip

# https://docs.geonetwork-opensource.org/latest/api/the-geonetwork-api/
_SRV = r'^(?:/[^/]+)?/srv'
GEONETWORK = (
    Rule(rf'{_SRV}/(?:[a-z]{{2,3}}/)?api/(?:0\.1/)?records/([^/_]+)/attachments/[^/]', Action.DOWNLOAD),
    Rule(rf'{_SRV}/(?:[a-z]{{2,3}}/)?api/(?:0\.1/)?search/', Action.SEARCH),
    Rule(rf'{_SRV}/(?:[a-z]{{2,3}}/)?api/(?:0\.1/)?records/([^/_]+)', Action.METADATA),
    Rule(rf'{_SRV}/(?:[a-z]{{2,3}}/)?api/', Action.METADATA),
    Rule(rf'{_SRV}/[a-z]{{2,3}}/(?:resources\.get|file\.disclaimer)', Action.DOWNLOAD, ('uuid',)),
    Rule(rf'{_SRV}/[a-z]{{2,3}}/(?:q|qi|xml\.search|rss\.search|suggest)$', Action.SEARCH),
    Rule(rf'{_SRV}/[a-z]{{2,3}}/(?:csw|rdf\.|xml\.|md\.|metadata)', Action.METADATA, ('uuid',)),
    Rule(rf'{_SRV}/[a-z]{{2,3}}/catalog\.(?:search|edit|signin)', Action.PAGE, ('uuid',)),
)  # fmt: skip

# https://ogcapi.ogc.org/ and the services that requests name in `service=`, https://www.ogc.org/standards/
_LAYER = r'(?i)(?:^|&)(?:layers?|typenames?|coverage(?:id)?)=([^&#,%]+)'  # the first of them
OGC = (
    Rule(rf'{ROOT}/collections/([^/]+)', Action.MAP),
    Rule(rf'{ROOT}/(?:collections|conformance|tileMatrixSets)/?$', Action.MAP),
    Rule(rf'(?i:{ROOT}/csw(?:$|[/.]))', Action.METADATA),
    Rule(rf'(?i:{ROOT}/(?:w[mfcp]s|wmts|ows|tms|(?:qgis_)?mapserv|mapproxy)(?:\.\w+)?{SEGMENT})', Action.MAP, query=_LAYER),
    Rule(r'(?i:/(?:MapServer|FeatureServer|ImageServer|VectorTileServer|WMSServer|WFSServer)(?:/|$))', Action.MAP),
)  # fmt: skip
OGC_SERVICE = Rule(r'(?i)(?:^|&)service=(?:wms|wfs|wmts|wcs|wps)(?:&|$)', Action.MAP, query=_LAYER)  # in the query of any path

PRESETS = {
    'opendatasoft': OPENDATASOFT,
    'socrata': SOCRATA,
    'ckan': CKAN,
    'udata': UDATA,
    'geonetwork': GEONETWORK,
    'ogc': OGC,
}
