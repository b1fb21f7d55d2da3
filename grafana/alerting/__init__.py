"""The alerts, as Grafana provisions them."""
