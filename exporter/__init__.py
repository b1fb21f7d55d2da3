"""usage-exporter: who uses an open-data portal, from the API calls that it answered."""
