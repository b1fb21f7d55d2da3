-- Of a log of several portals, the hosts of the settings whose lines the batch holds. Empty: the batch holds all lines of its range.
ALTER TABLE batches
    ADD COLUMN IF NOT EXISTS hosts Array(String)
        COMMENT 'of a log of several portals: the hosts whose lines the batch holds, or with domain '''' all hosts, whose lines it does not hold; empty: it holds all lines' AFTER format;
