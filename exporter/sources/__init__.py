"""Where calls come from: each source yields raw batches."""
