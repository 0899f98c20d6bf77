"""`python -m serinus.cli`."""

from serinus.cli.main import main

main()
