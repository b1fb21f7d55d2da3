-- A row of `days` holds kilobytes of states: in granules of 64 rows a short period reads few of those that it does not ask for.
-- The granularity of a table is for life, so the rows move to a new one. Interrupted anywhere, it starts over and ends the same.
CREATE OR REPLACE TABLE days_fine AS days
ENGINE = AggregatingMergeTree
PARTITION BY toYear(day)
ORDER BY (domain, day, crawler)
SETTINGS
    index_granularity = 64, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

INSERT INTO days_fine SELECT * FROM days;

EXCHANGE TABLES days AND days_fine;

DROP TABLE days_fine;
