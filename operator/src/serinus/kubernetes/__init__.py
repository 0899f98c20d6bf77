"""The operator: kopf watches, a keyed queue orders the work, `serinus.reconcile` does it, lightkube writes."""
