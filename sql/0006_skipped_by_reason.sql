-- Skipped lines by reason. Earlier rows have only totals; nearly all of those lines were skipped by the setting `paths`.
ALTER TABLE batches
    ADD COLUMN IF NOT EXISTS skipped_by_reason Map(LowCardinality(String), UInt64)
    DEFAULT mapFilter((reason, lines) -> lines > 0, map('path', skipped))
    COMMENT 'skipped lines by reason' AFTER skipped;
