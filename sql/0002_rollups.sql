-- One row for each portal and day: sums, and the states that estimate unique users.
-- Accounts and anonymous visitors are counted separately, so that their shares add up to 100 %. A row holds kilobytes of states:
-- with granules of 64 rows, a short period reads few rows outside it.
CREATE TABLE IF NOT EXISTS days
(
    domain           LowCardinality(String),
    day              Date,
    crawler          UInt8,
    timezone         SimpleAggregateFunction(anyLast, LowCardinality(String)),
    calls            SimpleAggregateFunction(sum, UInt64),
    mobile_calls     SimpleAggregateFunction(sum, UInt64),
    unlocated_calls  SimpleAggregateFunction(sum, UInt64),
    registered_users AggregateFunction(uniqHLL12, String),
    anonymous_users  AggregateFunction(uniqHLL12, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYear(day)
ORDER BY (domain, day, crawler)
SETTINGS index_granularity = 64, non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS days_mv TO days AS
SELECT
    domain,
    day,
    client = 'crawler' AS crawler,
    anyLast(calls.timezone) AS timezone,
    count() AS calls,
    countIf(device IN ('phone', 'tablet')) AS mobile_calls,
    countIf(country = '') AS unlocated_calls,
    uniqHLL12StateIf(user_id, user_id != '') AS registered_users,
    uniqHLL12StateIf(visitor, user_id = '') AS anonymous_users
FROM calls
GROUP BY domain, day, crawler;

-- Calls by account and day; '' stands for all anonymous users.
CREATE TABLE IF NOT EXISTS accounts
(
    domain  LowCardinality(String),
    crawler UInt8,
    user_id LowCardinality(String),
    day     Date,
    calls   UInt64
)
ENGINE = SummingMergeTree(calls)
PARTITION BY toYear(day)
ORDER BY (domain, crawler, user_id, day)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS accounts_mv TO accounts AS
SELECT domain, client = 'crawler' AS crawler, user_id, day, count() AS calls
FROM calls
GROUP BY domain, crawler, user_id, day;

-- Calls by place and day.
CREATE TABLE IF NOT EXISTS places
(
    domain    LowCardinality(String),
    crawler   UInt8,
    country   LowCardinality(String),
    city      LowCardinality(String),
    latitude  Float64,
    longitude Float64,
    day       Date,
    calls     UInt64
)
ENGINE = SummingMergeTree(calls)
PARTITION BY toYear(day)
ORDER BY (domain, crawler, latitude, longitude, country, city, day)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS places_mv TO places AS
SELECT domain, client = 'crawler' AS crawler, country, city, latitude, longitude, day, count() AS calls
FROM calls
GROUP BY domain, crawler, country, city, latitude, longitude, day;
