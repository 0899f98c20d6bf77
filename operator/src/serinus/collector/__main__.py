"""`python -m serinus.collector`."""

from serinus.collector.main import main

main()
