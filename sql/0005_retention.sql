-- The first day whose calls are kept; earlier days have only their sums. `prune` adds a row before it removes calls.
CREATE TABLE IF NOT EXISTS retention
(
    at         DateTime64(3, 'UTC') COMMENT 'when this row was written',
    calls_from Date                 COMMENT 'the first day of which the calls are kept'
)
ENGINE = MergeTree
ORDER BY at
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
