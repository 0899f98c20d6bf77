"""The model server: KServe's protocols over one scikit-learn model from MLflow, with monitoring built in.

Run it with `python -m serinus.predictor --help`. Nothing else in Serinus imports this package.
"""
