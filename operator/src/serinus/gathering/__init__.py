"""Asking the outside world what a reconcile has to know, beyond what serves and what is asked for."""
