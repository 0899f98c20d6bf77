"""The pipeline step monitor."""
