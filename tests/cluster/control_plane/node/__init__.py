"""The cluster's node: runs the containers of its pods as plain processes and says truthfully how they are."""
