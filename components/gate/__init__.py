"""The pipeline step gate."""
