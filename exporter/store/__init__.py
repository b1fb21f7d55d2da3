"""ClickHouse: the only folder that knows the engine."""
