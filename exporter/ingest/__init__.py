"""From a data source to batches: the steps of ingestion, log files, requests and the demo."""
