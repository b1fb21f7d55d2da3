"""The source of the Grafana pages and alerts: `python -m grafana.build` writes them."""
