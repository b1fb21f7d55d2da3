"""Reports: the indicators and events of a period, and their output formats."""
