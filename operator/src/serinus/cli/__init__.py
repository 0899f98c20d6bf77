"""The command line: thin commands over the composition roots and the read model."""
