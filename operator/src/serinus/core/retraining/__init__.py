"""When a new version is trained, and what came of it."""
