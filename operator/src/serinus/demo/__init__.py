"""The demo: a story of rollouts on one machine, and what it leaves behind for people and for programs."""
