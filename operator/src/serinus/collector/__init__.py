"""The collector: predictions and labels in, losses by cohort and the prediction log out. `python -m serinus.collector`."""
