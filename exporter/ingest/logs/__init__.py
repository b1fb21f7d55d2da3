"""Log files: opened, recognized, cut into batches, followed."""
