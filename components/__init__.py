"""The steps of the training pipeline, one folder each."""
