"""The kinds of panel, as Grafana's JSON."""
