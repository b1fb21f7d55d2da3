"""Opens, identifies and follows log files, and cuts them into batches."""
