"""Source of the Grafana dashboards in charts/serinus/dashboards: `python -m scripts.dashboards` writes them."""
