"""Training: the configuration file, data sources and values that the pipeline's steps share."""
