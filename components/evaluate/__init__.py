"""The pipeline step evaluate."""
