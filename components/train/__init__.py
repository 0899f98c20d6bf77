"""The pipeline step train."""
