"""The kind of access of each call that an Opendatasoft workspace names.

The names are those of https://docs.opendatasoft.com (Analyzing source data).
"""

from exporter.model.call import Action

NAMES = {
    Action.DOWNLOAD: (
        'download_dataset', 'download_dataset_records', 'download_dataset_alternative_export', 'download_dataset_attachment',
        'dataset_download_snapshot', 'export_dataset', 'attachment_lookup', 'files',
    ),
    Action.QUERY: (
        'search_dataset_records', 'lookup_record', 'analyze_records', 'records_index', 'record_lookup', 'aggregate_records',
        'odata_entity', 'odata_property_value', 'odata_entity_key_predicate', 'record_with_id', 'odata_record_count', 'tpf',
    ),
    Action.MAP: ('get_bbox_clusters', 'get_geo_clusters', 'get_geo_clusters_polygon', 'get_geoshapes_preview', 'wfs'),
    Action.SEARCH: ('search_datasets', 'datasets_index', 'aggregate_datasets'),
    Action.METADATA: (
        'lookup_dataset', 'dataset_lookup', 'dataset_list_snapshots', 'list_dataset_entry_points', 'metadata_templates',
        'attachments_index', 'api_root', 'api_source', 'odata_service_root_doc', 'odata_metadata_doc', 'csw',
    ),
    Action.OTHER: ('images', 'download_image'),
}  # fmt: skip
ACTIONS = {name: action for action, names in NAMES.items() for name in names}
METADATA_PREFIX = 'metadata_template_'  # of further names
EXPORTED = ('records_index', 'datasets_index')  # are downloads with one of EXPORT_FORMATS
EXPORT_FORMATS = frozenset((
    'csv', 'xls', 'xlsx', 'parquet', 'jsonl', 'geojson', 'shp', 'kml', 'gpx', 'fgb', 'ov2', 'jsonld', 'n3', 'turtle', 'rdfxml',
    'rdf', 'data.json', 'dcat', 'dcat_ap', 'rss',
))  # fmt: skip


def action_of(name: str, export_format: str) -> Action | None:
    """The action of a call by its name and the format of its answer; None for a name that is not known."""
    if name in EXPORTED and export_format.lower() in EXPORT_FORMATS:
        return Action.DOWNLOAD
    return Action.METADATA if name.startswith(METADATA_PREFIX) else ACTIONS.get(name)


def is_known(path: str) -> bool:
    """Whether the name of a call is known, by the path under which it is stored: /type/name.format."""
    name, _, export_format = path.rpartition('/')[2].partition('.')
    return action_of(name, export_format) is not None
