"""The pipeline step split."""
