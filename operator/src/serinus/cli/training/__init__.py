"""What `serinus train` does beyond running a pipeline on this machine."""
