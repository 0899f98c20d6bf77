"""The pipeline step ingest."""
