"""What a policy would have done to a model: history is replayed through the same core, with other adapters."""
