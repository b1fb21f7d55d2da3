"""From a source to batches: the list of steps, and what makes the next batch while one is stored."""
