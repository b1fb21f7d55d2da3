"""Published months: files with the numbers of each data set that stay as they were written."""
