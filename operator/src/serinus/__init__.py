"""Serinus releases machine-learning models safely: canaries judged on evidence, promoted or rolled back with the reason."""

__version__ = "0.1.0"
