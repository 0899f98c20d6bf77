"""What is watched while a revision serves: drift of its inputs and of its answers."""
