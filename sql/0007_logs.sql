-- What the name of a log is made of, so that no program has to take it apart. Earlier rows, and rows without a value, get it from the name.
ALTER TABLE batches
    ADD COLUMN IF NOT EXISTS head String
        DEFAULT extract(log, '^([0-9a-f]{16}:[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2})(?:~[0-9]+)?$')
        COMMENT 'what identifies the content of the log: the hash of its first bytes and their number; of a demo, the day' AFTER log,
    ADD COLUMN IF NOT EXISTS head_bytes UInt32 DEFAULT toUInt32OrZero(extract(head, ':([0-9]+)$'))
        COMMENT 'how many first bytes that hash covers' AFTER head,
    ADD COLUMN IF NOT EXISTS attempt UInt32 DEFAULT toUInt32OrZero(extract(log, '(?:^retry |~)([0-9]+)(?: of |$)'))
        COMMENT 'number of earlier logs with the same head, all forgotten or different; of a retry, its number' AFTER head_bytes,
    ADD COLUMN IF NOT EXISTS retried_log String DEFAULT extract(log, '^retry [0-9]+ of (.*)$')
        COMMENT 'the log whose rejects this batch holds' AFTER attempt,
    ADD COLUMN IF NOT EXISTS format LowCardinality(String)
        COMMENT 'the format in which the lines of the batch begin, and their wrapper' AFTER retried_log;
