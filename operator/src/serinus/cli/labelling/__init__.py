"""Labels from tables to the collector."""
