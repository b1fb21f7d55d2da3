-- A new part of `calls` is one file instead of fifty: an insert needs half the time and memory. Merged parts grow out of it.
ALTER TABLE calls MODIFY SETTING min_bytes_for_wide_part = 268435456;
