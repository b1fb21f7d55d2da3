-- Why lines were skipped. Of the rows made before, that is not known: nearly all of their lines were no API calls by `paths`.
ALTER TABLE batches
    ADD COLUMN IF NOT EXISTS skipped_by_reason Map(LowCardinality(String), UInt64)
    DEFAULT mapFilter((reason, lines) -> lines > 0, map('path', skipped))
    COMMENT 'skipped lines by reason' AFTER skipped;
