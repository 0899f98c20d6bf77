"""The pipeline step validate."""
