"""Reads requests in tests; requests of each kind of portal, with the data set and the action that they have."""

from typing import Any

import polars as pl

from exporter.config import PortalRules
from exporter.enrich.request import Requests

KEY = b'k' * 32

UUID = '9d5ab1b0-6b7d-4a4f-8f0c-2c7d2f4f1c11'
READ = [  # path with its query, data set, action
    # Opendatasoft
    ('/api/explore/v2.1/catalog/datasets/arbres/records?limit=20', 'arbres', 'query'),
    ('/api/explore/v2.1/catalog/datasets/arbres/records/7f', 'arbres', 'query'),
    ('/api/explore/v2.0/catalog/datasets/arbres/aggregates?select=count(*)', 'arbres', 'query'),
    ('/api/explore/v2.0/catalog/datasets/arbres', 'arbres', 'metadata'),
    ('/api/explore/v2.1/catalog/datasets/arbres/attachments', 'arbres', 'metadata'),
    ('/api/explore/v2.1/catalog/datasets/arbres/attachments/plan_pdf', 'arbres', 'download'),
    ('/api/explore/v2.1/catalog/datasets/arbres/exports/parquet', 'arbres', 'download'),
    ('/api/explore/v2.1/catalog/datasets/arbres/exports', 'arbres', 'metadata'),
    ('/api/v2.1/catalog/datasets/arbres/exports/csv', 'arbres', 'download'),
    ('/api/explore/v2.1/monitoring/datasets/ods-api-monitoring/records', 'ods-api-monitoring', 'query'),
    ('/api/explore/v2.1/catalog/datasets', '', 'search'),
    ('/api/explore/v2.1/catalog/datasets?where=x', '', 'search'),
    ('/api/explore/v2.1/catalog/facets', '', 'search'),
    ('/api/explore/v2.1/catalog/exports/dcat', '', 'metadata'),
    ('/explore/dataset/arbres/information/', 'arbres', 'page'),
    ('/explore/dataset/arbres/download/?format=csv', 'arbres', 'download'),
    ('/explore/dataset/arbres/files/0a1b/download/', 'arbres', 'download'),
    ('/explore/embed/dataset/arbres/map/', 'arbres', 'page'),
    ('/explore/?q=arbres', '', 'search'),
    ('/map/embed/dataset/arbres/', 'arbres', 'map'),
    ('/pages/accueil/', '', 'page'),
    ('/api/records/1.0/search/?dataset=arbres&q=chêne', 'arbres', 'query'),
    ('/api/records/1.0/search/?q=x&dataset=arbres%20et%20fleurs', 'arbres et fleurs', 'query'),
    ('/api/records/1.0/search/?mydataset=arbres', '', 'query'),
    ('/api/records/1.0/download/?dataset=arbres&format=csv', 'arbres', 'download'),
    ('/api/records/1.0/geocluster/?dataset=arbres', 'arbres', 'map'),
    ('/api/datasets/1.0/search/?q=arbres', '', 'search'),
    ('/api/datasets/1.0/arbres/', 'arbres', 'metadata'),
    ('/api/datasets/1.0/arbres/attachments/plan_pdf/', 'arbres', 'download'),
    ('/api/odata/arbres', 'arbres', 'query'),
    ('/api/odata/$metadata', '', 'metadata'),
    ('/api/wfs?service=WFS', '', 'map'),
    # CKAN
    ('/dataset/population', 'population', 'page'),
    ('/fr/dataset/population', 'population', 'page'),
    ('/pt_BR/dataset/population', 'population', 'page'),
    ('/catalog/dataset/population', 'population', 'page'),
    ('/data/fr/dataset/population/resource/9d5a', 'population', 'page'),
    ('/dataset/population?activity_id=1', 'population', 'page'),
    ('/dataset/population.rdf', 'population', 'metadata'),
    ('/dataset/population/resource/9d5a/download/population.csv', 'population', 'download'),
    ('/dataset/population/resource/9d5a/download/map.png', 'population', 'download'),
    ('/dataset', '', 'search'),
    ('/dataset/?q=trees', '', 'search'),
    ('/dataset/new', '', 'page'),
    ('/dataset/edit/population', '', 'page'),
    ('/dataset/activity/population', '', 'page'),
    ('/dataset/groups/population', '', 'page'),
    ('/dataset/followers/population', '', 'page'),
    ('/catalog.ttl', '', 'metadata'),
    ('/feeds/dataset.atom', '', 'metadata'),
    ('/organization/city', '', 'page'),
    (f'/datastore/dump/{UUID}?format=json', UUID, 'download'),
    (f'/fr/datastore/dump/{UUID}', UUID, 'download'),
    ('/api/3/action/package_show?id=population', 'population', 'metadata'),
    ('/fr/api/3/action/package_show?id=population', 'population', 'metadata'),
    ('/api/action/package_show?name_or_id=population', 'population', 'metadata'),
    ('/api/action/package_show?id=a+b', 'a b', 'metadata'),
    (f'/api/3/action/resource_show?id={UUID}', UUID, 'metadata'),
    (f'/api/3/action/datastore_search?limit=5&resource_id={UUID}', UUID, 'query'),
    (f'/api/3/action/datastore_search_sql?sql=SELECT%20*%20FROM%20%22{UUID}%22%20LIMIT%205', UUID, 'query'),
    (f'/api/3/action/datastore_search_sql?sql=SELECT+a+from+"{UUID}"', UUID, 'query'),
    (f'/api/3/action/datastore_info?id={UUID}', UUID, 'metadata'),
    ('/api/3/action/package_list', '', 'metadata'),
    ('/api/3/action/package_search?q=trees&id=trees', '', 'search'),
    ('/api/3/action/organization_show?id=city', '', 'metadata'),
    ('/api/3/action/group_show?id=city', '', 'metadata'),
    ('/api/3/action/user_show?id=ann', '', 'metadata'),
    ('/api/3/action/status_show', '', 'metadata'),
    ('/api/3/action/package_create', '', 'other'),
    ('/api/3/rest/dataset/population', 'population', 'metadata'),
    # Socrata
    ('/resource/abcd-1234.json?$limit=5', 'abcd-1234', 'query'),
    ('/resource/abcd-1234', 'abcd-1234', 'query'),
    ('/api/id/abcd-1234.json', 'abcd-1234', 'query'),
    ('/api/v3/views/abcd-1234/query.json', 'abcd-1234', 'query'),
    ('/api/v3/views/abcd-1234/export.csv', 'abcd-1234', 'download'),
    ('/api/views/abcd-1234/rows.csv', 'abcd-1234', 'download'),
    ('/api/views/abcd-1234.json', 'abcd-1234', 'metadata'),
    ('/d/abcd-1234', 'abcd-1234', 'page'),
    ('/Health/Births-by-year/abcd-1234', 'abcd-1234', 'page'),
    ('/dataset/Births-by-year/abcd-1234', 'abcd-1234', 'page'),
    ('/browse?q=births', '', 'search'),
    ('/api/catalog/v1?q=births', '', 'search'),
    ('/data.json', '', 'metadata'),
    ('/resource/abcd-12345', '', 'other'),
    # udata
    ('/fr/datasets/arbres/', 'arbres', 'page'),
    ('/datasets/arbres/', 'arbres', 'page'),
    ('/fr/datasets/?q=arbres', '', 'search'),
    (f'/fr/datasets/r/{UUID}', UUID, 'download'),
    (f'/api/1/datasets/r/{UUID}', UUID, 'download'),
    ('/api/1/datasets/?q=arbres', '', 'search'),
    ('/api/1/datasets/arbres/', 'arbres', 'metadata'),
    ('/api/1/organizations/city/', '', 'metadata'),
    ('/api/2/datasets/search/?q=arbres', '', 'search'),
    (f'/api/resources/{UUID}/data/?page=2', UUID, 'query'),
    # GeoNetwork
    (f'/geonetwork/srv/api/records/{UUID}', UUID, 'metadata'),
    (f'/geonetwork/srv/api/records/{UUID}/attachments/plan.zip', UUID, 'download'),
    ('/geonetwork/srv/api/search/records/_search', '', 'search'),
    ('/geonetwork/srv/eng/catalog.search', '', 'page'),
    ('/geonetwork/srv/fre/csw?request=GetRecordById', '', 'metadata'),
    (f'/srv/eng/resources.get?uuid={UUID}&fname=a.zip', UUID, 'download'),
    # OGC
    ('/geoserver/ows?service=WFS&typeNames=city:trees&request=GetFeature', 'city:trees', 'map'),
    ('/geoserver/wms?LAYERS=trees,roads&SERVICE=WMS', 'trees', 'map'),
    ('/cgi-bin/mapserv.fcgi?map=x.map', '', 'map'),
    ('/cgi-bin/qgis_mapserv.fcgi?SERVICE=WMS', '', 'map'),
    ('/maps/city?SERVICE=WMS&REQUEST=GetCapabilities', '', 'map'),
    ('/csw?service=CSW', '', 'metadata'),
    ('/ogcapi/collections/trees/items?limit=5', 'trees', 'map'),
    ('/collections', '', 'map'),
    ('/arcgis/rest/services/City/Trees/FeatureServer/0/query', '', 'map'),
    # none
    ('/', '', 'other'),
    ('', '', 'other'),
    ('*', '', 'other'),
    ('/search?dataset=arbres&id=5', '', 'search'),
]


def read(*paths: str, user: str = '', method: str = 'GET', **portal: Any) -> list[dict[str, Any]]:
    """The columns that are read from requests, as dicts."""
    status = pl.lit(200, pl.UInt16)
    calls = pl.DataFrame({'path': list(paths), 'user_id': user, 'method': method}).with_columns(status=status)
    return Requests(PortalRules(**portal), KEY)(calls).to_dicts()


def read_one(path: str, **portal: Any) -> dict[str, Any]:
    return read(path, **portal)[0]
