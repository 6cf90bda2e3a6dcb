"""Metrics in Prometheus' text format, computed from the hub's database when they are asked for; and the small server that answers."""
