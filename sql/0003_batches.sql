-- The ledger: one row when a batch begins (its range), one when it is done (its tally), one when its calls are deleted (forget).
-- Rows outlive the calls and are only added: WHERE state = 'done' counts every batch once.
CREATE TABLE IF NOT EXISTS batches
(
    batch_id        String,
    state           Enum8('begun' = 1, 'done' = 2, 'forgotten' = 3),
    at              DateTime64(3, 'UTC')                COMMENT 'when this row was written',
    domain          LowCardinality(String),
    source          LowCardinality(String)              COMMENT 'access_log, demo',
    origin          String                              COMMENT 'the name of the file when the batch was read',
    log             String                              COMMENT 'which log: the hash of its first bytes and how many these are',
    start           UInt64                              COMMENT 'the first byte of the batch in the unpacked log',
    end             UInt64                              COMMENT 'the byte behind its last',
    checkpoints     Array(Tuple(end UInt64, hash UInt64)) COMMENT 'hashes of the stretches of the batch, by which a log is known again',
    stored          UInt64,
    skipped         UInt64                              COMMENT 'lines that are no API call',
    rejected        Map(LowCardinality(String), UInt64) COMMENT 'lines by reason',
    first_timestamp Nullable(DateTime64(3, 'UTC')),
    last_timestamp  Nullable(DateTime64(3, 'UTC')),
    geo_date        Nullable(Date)                      COMMENT 'of the geolocation data',
    key_id          LowCardinality(String)              COMMENT 'which key made the visitors of the batch'
)
ENGINE = MergeTree
ORDER BY (domain, log, start, state)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
