"""Adapters: one file per outside system, each implementing a port of `serinus.ports`."""
