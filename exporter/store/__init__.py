"""Storage in ClickHouse: connections, schema, ledger, writer, and the kept rejects."""
