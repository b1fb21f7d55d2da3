-- Events that explain a change in activity: a new data set, a campaign, an outage. Grafana draws them as annotations.
CREATE TABLE IF NOT EXISTS events
(
    id     String,
    domain LowCardinality(String) COMMENT 'the portal, empty: every portal',
    start  DateTime('UTC'),
    end    DateTime('UTC'),
    title  String,
    text   String,
    tags   Array(String)
)
ENGINE = MergeTree
ORDER BY (start, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
