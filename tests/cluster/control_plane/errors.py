"""What can go wrong while a test cluster is built, started or stopped."""


class ClusterError(Exception):
    """Nothing more can be done with the cluster; the message says what to do."""
