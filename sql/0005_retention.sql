-- From which day on the calls themselves are still there; the days before are known by their sums only. A row is added whenever
-- calls are removed, before they are.
CREATE TABLE IF NOT EXISTS retention
(
    at         DateTime64(3, 'UTC') COMMENT 'when this row was written',
    calls_from Date                 COMMENT 'the first day of which the calls are kept'
)
ENGINE = MergeTree
ORDER BY at
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
