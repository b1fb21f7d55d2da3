-- The kind of access of each call. Calls that are stored already get the action of their path by the default rules of this version.
-- An interrupted run can be repeated: it computes the same actions again. 10 million calls take 22 s (2 cores).
ALTER TABLE calls
    ADD COLUMN IF NOT EXISTS action
        Enum8('other' = 0, 'query' = 1, 'download' = 2, 'page' = 3, 'metadata' = 4, 'search' = 5, 'map' = 6)
        COMMENT 'the kind of access' CODEC(ZSTD(1)) AFTER dataset_id;

ALTER TABLE calls
    UPDATE action = multiIf(
        -- opendatasoft
        match(path, '^/api/(?:explore/)?v2(?:\\.\\d)?/(?:catalog|monitoring)/datasets/([^/]+)/(?:exports|files|attachments|snapshots|alternative_exports)/[^/]'), 'download',
        match(path, '^/api/(?:explore/)?v2(?:\\.\\d)?/(?:catalog|monitoring)/datasets/([^/]+)/(?:records|aggregates|facets|query)'), 'query',
        match(path, '^/api/(?:explore/)?v2(?:\\.\\d)?/(?:catalog|monitoring)/datasets/([^/]+)'), 'metadata',
        match(path, '^/api/(?:explore/)?v2(?:\\.\\d)?/(?:catalog|monitoring)/(?:datasets|facets|aggregates|query)(?:[/.?;]|$)'), 'search',
        match(path, '^/api/(?:explore/)?v2(?:\\.\\d)?/(?:catalog|monitoring)(?:/exports|/metadata_templates|(?:[/.?;]|$))'), 'metadata',
        match(path, '^/api/records/1\\.0/download'), 'download',
        match(path, '^/api/records/1\\.0/(?:geocluster|geopreview|boundingbox)'), 'map',
        match(path, '^/api/records/(?:1\\.0|v2)/'), 'query',
        match(path, '^/api/datasets/1\\.0/search'), 'search',
        match(path, '^/api/datasets/1\\.0/([^/]+)/(?:attachments|files|images|alternative_exports)/[^/]'), 'download',
        match(path, '^/api/datasets/1\\.0/([^/]+)'), 'metadata',
        match(path, '^/api/(?:odata|tpf)/([^/$][^/]*)'), 'query',
        match(path, '^/api/(?:odata|tpf|csw)(?:/|$)'), 'metadata',
        match(path, '^/api/(?:wfs|wms)(?:/|$)'), 'map',
        match(path, '^/explore/dataset/([^/]+)/(?:download|files/[^/]+/download|alternative_exports/[^/])'), 'download',
        match(path, '^/explore/(?:embed/)?dataset/([^/]+)'), 'page',
        match(path, '^/map/(?:embed/)?dataset/([^/]+)'), 'map',
        match(path, '^/explore/?$'), 'search',
        match(path, '^/map/?$'), 'map',
        match(path, '^/(?:pages|page|chart|publish|account|login|signup)(?:/|$)'), 'page',
        -- socrata
        match(path, '^/api/(?:v3/views|views)/([0-9a-z]{4}-[0-9a-z]{4})/(?:export|rows\\.|files/|geospatial|obj)|^/(?:download|api/geospatial|api/assets)/([0-9a-z]{4}-[0-9a-z]{4})(?:\\W|$)'), 'download',
        match(path, '^/api/v3/views/([0-9a-z]{4}-[0-9a-z]{4})/query|^/(?:resource|api/id|api/odata/v4|OData\\.svc)/([0-9a-z]{4}-[0-9a-z]{4})(?:\\W|$)'), 'query',
        match(path, '^/api/(?:v3/views|views(?:/metadata/v1)?)/([0-9a-z]{4}-[0-9a-z]{4})(?:\\W|$)'), 'metadata',
        match(path, '^/d/([0-9a-z]{4}-[0-9a-z]{4})(?:\\W|$)|^/(?:[a-z]{2}/)?(?:dataset|stories|[A-Z][^/]*)/[^/]+/([0-9a-z]{4}-[0-9a-z]{4})(?:\\W|$)'), 'page',
        match(path, '^/(?:browse|api/catalog/v1|api/search/views)(?:\\W|$)'), 'search',
        match(path, '^/data\\.json$'), 'metadata',
        -- ckan
        match(path, '^(?:/[^/]+){0,3}?/api/(?:[123]/)?action/datastore_search_sql|^(?:/[^/]+){0,3}?/api/(?:[123]/)?action/datastore_search'), 'query',
        match(path, '^(?:/[^/]+){0,3}?/api/(?:[123]/)?action/(?:package|resource|tag|group|organization|user|format|license)_(?:search|autocomplete)'), 'search',
        match(path, '^(?:/[^/]+){0,3}?/api/(?:[123]/)?action/datastore_info|^(?:/[^/]+){0,3}?/api/(?:[123]/)?action/(?:package|dataset|resource)_[a-z_]*(?:show|list)|^(?:/[^/]+){0,3}?/api/(?:[123]/)?action/(?:[a-z_]*_(?:show|list)|help_show|status_show)'), 'metadata',
        match(path, '^(?:/[^/]+){0,3}?/api/(?:[123]/)?action/(?:package|dataset|resource|datastore)_|^(?:/[^/]+){0,3}?/api/(?:[123]/)?action/'), 'other',
        match(path, '^(?:/[^/]+){0,3}?/api/(?:[123]/)?rest/(?:dataset|package)/([^/]+)'), 'metadata',
        match(path, '^(?:/[^/]+){0,3}?/api/(?:[123]/)?search/'), 'search',
        match(path, '^(?:/[^/]+){0,3}?/datastore/dump/([^/]+)'), 'download',
        match(path, '^(?:/[^/]+){0,3}?/datastore/odata[0-9.]*/([^/]+)'), 'query',
        match(path, '^(?:/[^/]+){0,3}?/dataset/(?:new|edit|activity|changes|changes_multiple|groups|follow|unfollow|followers|resources|delete|history|history_ajax|collaborators|new_resource|new_metadata|read_ajax|autocomplete|resource)(?:/|$)'), 'page',
        match(path, '^(?:/[^/]+){0,3}?/dataset/([^/]+)/resource/[^/]+/download'), 'download',
        match(path, '^(?:/[^/]+){0,3}?/dataset/([^/.]+)\\.(?:rdf|xml|ttl|n3|jsonld)$'), 'metadata',
        match(path, '^(?:/[^/]+){0,3}?/dataset/([^/]+)'), 'page',
        match(path, '^(?:/[^/]+){0,3}?/dataset/?$'), 'search',
        match(path, '^(?:/[^/]+){0,3}?/catalog\\.(?:rdf|xml|ttl|n3|jsonld)$|^(?:/[^/]+){0,3}?/feeds/'), 'metadata',
        match(path, '^(?:/[a-z]{2}(?:_[A-Za-z]+)?)?/(?:organization|group|about|user|dashboard)(?:/|$)'), 'page',
        -- udata
        match(path, '^(?:/[a-z]{2})?(?:/api/1)?/datasets/r/([^/]+)'), 'download',
        match(path, '^/api/(?:1/datasets/suggest|1/datasets/?$|2/datasets/(?:search/?)?$)'), 'search',
        match(path, '^/api/[12]/datasets/([^/]+)'), 'metadata',
        match(path, '^/api/resources/([0-9a-f-]{36})/(?:data|aggregate)'), 'query',
        match(path, '^/api/[12]/(?:site/|catalog)'), 'metadata',
        match(path, '^/api/[12]/[a-z]+/(?:search|suggest)'), 'search',
        match(path, '^/api/[12]/(?:organizations|reuses|dataservices|topics|tags|spatial|users|discussions)|^(?:/[a-z]{2})?/datasets/([^/.]+)\\.(?:rdf|xml|ttl|n3|jsonld)$'), 'metadata',
        match(path, '^(?:/[a-z]{2})?/datasets/?$'), 'search',
        match(path, '^(?:/[a-z]{2})?/datasets/([^/]+)'), 'page',
        match(path, '^(?:/[a-z]{2})?/(?:search)(?:/|$)'), 'search',
        match(path, '^(?:/[a-z]{2})?/(?:organizations|reuses|posts|dataservices)(?:/|$)'), 'page',
        -- geonetwork
        match(path, '^(?:/[^/]+)?/srv/(?:[a-z]{2,3}/)?api/(?:0\\.1/)?records/([^/_]+)/attachments/[^/]'), 'download',
        match(path, '^(?:/[^/]+)?/srv/(?:[a-z]{2,3}/)?api/(?:0\\.1/)?search/'), 'search',
        match(path, '^(?:/[^/]+)?/srv/(?:[a-z]{2,3}/)?api/(?:0\\.1/)?records/([^/_]+)|^(?:/[^/]+)?/srv/(?:[a-z]{2,3}/)?api/'), 'metadata',
        match(path, '^(?:/[^/]+)?/srv/[a-z]{2,3}/(?:resources\\.get|file\\.disclaimer)'), 'download',
        match(path, '^(?:/[^/]+)?/srv/[a-z]{2,3}/(?:q|qi|xml\\.search|rss\\.search|suggest)$'), 'search',
        match(path, '^(?:/[^/]+)?/srv/[a-z]{2,3}/(?:csw|rdf\\.|xml\\.|md\\.|metadata)'), 'metadata',
        match(path, '^(?:/[^/]+)?/srv/[a-z]{2,3}/catalog\\.(?:search|edit|signin)'), 'page',
        -- ogc
        match(path, '^(?:/[^/]+){0,3}?/collections/([^/]+)|^(?:/[^/]+){0,3}?/(?:collections|conformance|tileMatrixSets)/?$'), 'map',
        match(path, '(?i)^(?:/[^/]+){0,3}?/csw(?:$|[/.])'), 'metadata',
        match(path, '(?i)^(?:/[^/]+){0,3}?/(?:wms|wfs|wmts|wcs|wps|ows|tms|(?:qgis_)?mapserv|mapproxy)(?:\\.\\w+)?(?:/|$)|(?i)/(?:MapServer|FeatureServer|ImageServer|VectorTileServer|WMSServer|WFSServer)(?:/|$)'), 'map',
        'other'
    )
    WHERE 1
    SETTINGS mutations_sync = 0; -- the program waits, and shows how much is done
