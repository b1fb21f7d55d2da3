-- Whose traffic a call is: the audience and the network of the caller, and the site that led to it. Of calls that are stored already
-- nothing of it is known, since their addresses and referrers are not stored.
ALTER TABLE calls
    ADD COLUMN IF NOT EXISTS audience LowCardinality(String)
        COMMENT 'the audience of the caller by the setting audiences, empty for the public' CODEC(ZSTD(1)) AFTER file,
    ADD COLUMN IF NOT EXISTS left_out UInt8
        COMMENT 'whether the call is left out of all numbers, by the settings left_out and suspect' CODEC(ZSTD(1)) AFTER audience,
    ADD COLUMN IF NOT EXISTS as_number UInt32
        COMMENT 'the autonomous system of the address, 0 when unknown' CODEC(ZSTD(1)) AFTER left_out,
    ADD COLUMN IF NOT EXISTS network LowCardinality(String)
        COMMENT 'the organisation of that autonomous system' CODEC(ZSTD(1)) AFTER as_number,
    ADD COLUMN IF NOT EXISTS suspect UInt8
        COMMENT 'whether a browser without an account called from a hosting network' CODEC(ZSTD(1)) AFTER network,
    ADD COLUMN IF NOT EXISTS referrer_host LowCardinality(String)
        COMMENT 'the host of the referring page, (own) for the portal itself, empty when there is none' CODEC(ZSTD(1)) AFTER suspect;

ALTER TABLE days
    ADD COLUMN IF NOT EXISTS suspect_calls SimpleAggregateFunction(sum, UInt64) AFTER unlocated_calls;

-- The column crawler of the rollups: 0 for calls that count, 1 for calls of crawlers, 2 for other calls that are left out. Stored sums
-- stay as they are, since no stored call is left out. An interrupted run can be repeated: no program stores calls before the last
-- statement is done. (MODIFY QUERY would make the engine forget which inserts are in the rollups.)
DROP VIEW IF EXISTS days_mv;

CREATE MATERIALIZED VIEW IF NOT EXISTS days_mv TO days AS
SELECT
    domain,
    day,
    multiIf(client = 'crawler', 1, left_out, 2, 0) AS crawler,
    anyLast(calls.timezone) AS timezone,
    count() AS calls,
    countIf(device IN ('phone', 'tablet')) AS mobile_calls,
    countIf(country = '') AS unlocated_calls,
    sum(suspect) AS suspect_calls,
    uniqHLL12StateIf(user_id, user_id != '') AS registered_users,
    uniqHLL12StateIf(visitor, user_id = '') AS anonymous_users
FROM calls
GROUP BY domain, day, crawler;

DROP VIEW IF EXISTS accounts_mv;

CREATE MATERIALIZED VIEW IF NOT EXISTS accounts_mv TO accounts AS
SELECT domain, multiIf(client = 'crawler', 1, left_out, 2, 0) AS crawler, user_id, day, count() AS calls
FROM calls
GROUP BY domain, crawler, user_id, day;

DROP VIEW IF EXISTS places_mv;

CREATE MATERIALIZED VIEW IF NOT EXISTS places_mv TO places AS
SELECT domain, multiIf(client = 'crawler', 1, left_out, 2, 0) AS crawler, country, city, latitude, longitude, day, count() AS calls
FROM calls
GROUP BY domain, crawler, country, city, latitude, longitude, day;

DROP VIEW IF EXISTS months_mv;

CREATE MATERIALIZED VIEW IF NOT EXISTS months_mv TO months AS
SELECT
    domain,
    toStartOfMonth(day) AS month,
    multiIf(client = 'crawler', 1, left_out, 2, 0) AS crawler,
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
