-- The file of each download: a download is one caller, one file, one hour. Of calls that are stored already only the path is known,
-- without its query, so it stands for the file.
ALTER TABLE calls
    ADD COLUMN IF NOT EXISTS file UInt32
        DEFAULT if(
            action = 'download' AND method IN ('GET', '')
                AND if(status IS NULL, NOT failed, status IN (200, 206, 304, 302, 303, 307, 308)),
            greatest(toUInt32(cityHash64(dataset_id, path)), 1),
            0
        )
        COMMENT 'keyed hash of the file that a download gets, 0 when the call is no download' CODEC(ZSTD(1)) AFTER action;

-- Calls by month and by the data set as it was requested, or by the path of a download without one: the catalogue tells their data
-- sets when a view is read. The states hold a hash of 32 bits for each user and each download, up to 65,536: at 10 million calls of
-- 5,000 data sets they take 1.7 bytes a call, those of uniqHLL12 more and with larger errors.
CREATE TABLE IF NOT EXISTS months
(
    domain            LowCardinality(String),
    month             Date,
    crawler           UInt8,
    dataset_id        LowCardinality(String),
    path              String,
    calls             SimpleAggregateFunction(sum, UInt64),
    errors            SimpleAggregateFunction(sum, UInt64),
    bytes             SimpleAggregateFunction(sum, UInt64),
    queries           SimpleAggregateFunction(sum, UInt64),
    download_requests SimpleAggregateFunction(sum, UInt64),
    page_views        SimpleAggregateFunction(sum, UInt64),
    users             AggregateFunction(uniq, UInt64),
    downloads         AggregateFunction(uniq, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(month)
ORDER BY (domain, month, crawler, dataset_id, path)
SETTINGS index_granularity = 1024, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- An interrupted run can be repeated: no program stores calls before the last statement is done. 10 million calls take 3 s (2 cores).
-- The calls of an unfinished batch are left out: the batch is inserted again, which adds them.
DROP VIEW IF EXISTS months_mv;

TRUNCATE TABLE months;

INSERT INTO months
SETTINGS insert_deduplicate = 0
SELECT
    domain,
    toStartOfMonth(day) AS month,
    client = 'crawler' AS crawler,
    dataset_id,
    if(dataset_id = '' AND action = 'download', path, '') AS path,
    count() AS calls,
    sum(failed) AS errors,
    sum(calls.bytes) AS bytes,
    countIf(action = 'query') AS queries,
    countIf(action = 'download') AS download_requests,
    countIf(action = 'page') AS page_views,
    uniqState(if(user_id = '', visitor, cityHash64(user_id))) AS users,
    uniqStateIf(cityHash64(if(user_id = '', visitor, cityHash64(user_id)), file, hour), file != 0) AS downloads
FROM calls
WHERE (domain, batch_id) NOT IN (SELECT domain, batch_id FROM batches GROUP BY domain, batch_id HAVING max(state) = 'begun')
GROUP BY domain, month, crawler, dataset_id, path;

CREATE MATERIALIZED VIEW IF NOT EXISTS months_mv TO months AS
SELECT
    domain,
    toStartOfMonth(day) AS month,
    client = 'crawler' AS crawler,
    dataset_id,
    if(dataset_id = '' AND action = 'download', path, '') AS path,
    count() AS calls,
    sum(failed) AS errors,
    sum(calls.bytes) AS bytes,
    countIf(action = 'query') AS queries,
    countIf(action = 'download') AS download_requests,
    countIf(action = 'page') AS page_views,
    uniqState(if(user_id = '', visitor, cityHash64(user_id))) AS users,
    uniqStateIf(cityHash64(if(user_id = '', visitor, cityHash64(user_id)), file, hour), file != 0) AS downloads
FROM calls
GROUP BY domain, month, crawler, dataset_id, path;
