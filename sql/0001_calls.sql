-- Every answered API call. The sort order puts the calls of one visitor in one hour together, so they compress well.
-- day and hour are in the primary key, so a query reads only a short range of a day that its period cuts.
-- The deduplication window makes a repeated insert (same token) count once; see docs/design.md.
CREATE TABLE IF NOT EXISTS calls
(
    timestamp   DateTime64(3, 'UTC')   COMMENT 'when the call was answered'                           CODEC(Delta, ZSTD(1)),
    domain      LowCardinality(String) COMMENT 'the portal',
    timezone    LowCardinality(String) COMMENT 'the time zone of the portal when the call was stored',
    day         Date                   COMMENT 'the day in that zone'                                 CODEC(Delta, ZSTD(1)),
    hour        DateTime('UTC')        COMMENT 'the moment at which the local hour began'             CODEC(Delta, ZSTD(1)),
    user_id     LowCardinality(String) COMMENT 'the account, empty when not logged in'                CODEC(ZSTD(1)),
    visitor     UInt64                 COMMENT 'keyed hash of the address'                            CODEC(ZSTD(1)),
    device      Enum8('unknown' = 0, 'desktop' = 1, 'phone' = 2, 'tablet' = 3, 'tv' = 4, 'other' = 5) CODEC(ZSTD(1)),
    client      Enum8('unknown' = 0, 'browser' = 1, 'api_client' = 2, 'crawler' = 3)                  CODEC(ZSTD(1)),
    browser     LowCardinality(String) COMMENT 'the name of the client'                               CODEC(ZSTD(1)),
    os          LowCardinality(String) COMMENT 'the operating system'                                 CODEC(ZSTD(1)),
    country     LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2, empty when unlocated'             CODEC(ZSTD(1)),
    city        LowCardinality(String) COMMENT 'English name'                                         CODEC(ZSTD(1)),
    latitude    Float64                COMMENT 'degrees, rounded to 0.01'                             CODEC(ZSTD(1)),
    longitude   Float64                COMMENT 'degrees, rounded to 0.01'                             CODEC(ZSTD(1)),
    method      LowCardinality(String)                                                                CODEC(ZSTD(1)),
    path        String                 COMMENT 'without its query string'                             CODEC(ZSTD(3)),
    dataset_id  LowCardinality(String) COMMENT 'the data set that was asked'                          CODEC(ZSTD(1)),
    status      UInt16                 COMMENT 'HTTP status of the answer'                            CODEC(ZSTD(1)),
    bytes       UInt64                 COMMENT 'size of the answer'                                   CODEC(T64, ZSTD(1)),
    duration_ms UInt32                 COMMENT 'time to answer, 0 when unknown'                       CODEC(T64, ZSTD(1)),
    batch_id    LowCardinality(String) COMMENT 'the batch that brought the call'                      CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
PRIMARY KEY (domain, day, hour)
ORDER BY (domain, day, hour, visitor, timestamp)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
