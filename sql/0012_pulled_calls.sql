-- Calls of a source that reports errors without a status. Of stored calls, a status of 400 or more is an error.
ALTER TABLE calls
    ADD COLUMN IF NOT EXISTS failed UInt8 DEFAULT ifNull(status, 0) >= 400
        COMMENT 'whether the call failed; true for a status of 400 or more' CODEC(ZSTD(1)) AFTER status;

-- An hour of a pulled source that changed there is replaced by its next revision.
ALTER TABLE batches
    ADD COLUMN IF NOT EXISTS revision UInt32
        COMMENT 'of a pulled hour: how many earlier batches held it' AFTER retried_log,
    ADD COLUMN IF NOT EXISTS hidden_addresses UInt64
        COMMENT 'stored anonymous calls whose address the source hides, wholly or in part' AFTER rejected;
