-- An unknown status or duration is null: 0 ms is a duration. Earlier programs stored both as 0.
-- An interrupted run can be repeated: both statements find the rows done, and no program stores calls before the last one is done.
-- 10 million calls take 4 s (2 cores).
ALTER TABLE calls
    MODIFY COLUMN status Nullable(UInt16) COMMENT 'HTTP status of the answer, null when unknown',
    MODIFY COLUMN duration_ms Nullable(UInt32) COMMENT 'time to answer, null when unknown';

ALTER TABLE calls
    UPDATE status = nullIf(status, 0), duration_ms = nullIf(duration_ms, 0)
    WHERE status = 0 OR duration_ms = 0
    SETTINGS mutations_sync = 0; -- the program waits, and shows how much is done
