"""The pipeline step register."""
