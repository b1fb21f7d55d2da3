-- The data sets of a portal, from its own catalogue. Requests name a data set in several ways: each of its names has a row.
CREATE TABLE IF NOT EXISTS catalogue
(
    domain     LowCardinality(String) COMMENT 'the portal',
    name       String                 COMMENT 'a name in requests: an identifier, a slug, a former slug, a resource, or the path of a file, which begins with /',
    dataset_id String                 COMMENT 'what the catalogue calls the data set; a row with this name exists',
    title      String,
    publisher  LowCardinality(String),
    theme      LowCardinality(String),
    created    Nullable(Date)         COMMENT 'when it was published',
    revision   UInt64                 COMMENT 'of the update that wrote the row; those of the portal''s newest revision in catalogue_updates hold'
)
ENGINE = MergeTree
ORDER BY (domain, name)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- One row when an update ends. Its rows in catalogue are there before it, and older rows are deleted after it.
CREATE TABLE IF NOT EXISTS catalogue_updates
(
    domain   LowCardinality(String),
    at       DateTime64(3, 'UTC'),
    revision UInt64 COMMENT 'grows with each update of the portal; 0: the update failed, and the revision before it holds',
    source   String COMMENT 'where the catalogue was read, without passwords and parameters',
    datasets UInt64,
    names    UInt64,
    error    String
)
ENGINE = MergeTree
ORDER BY (domain, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
