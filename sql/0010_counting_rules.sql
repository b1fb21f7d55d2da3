-- By which version of the counting rules the calls of a batch were counted: a change of the rules explains a step in a curve.
ALTER TABLE batches
    ADD COLUMN IF NOT EXISTS rules UInt16 DEFAULT 1
        COMMENT 'version of the counting rules; 1 for batches of programs that did not record it';

-- An upgrade adds an event for a new version. Two programs that upgrade at once insert it under one token.
ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 100;
