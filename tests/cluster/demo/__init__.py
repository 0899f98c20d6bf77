"""`make demo-cluster`: the demo's story on the test cluster, told with kubectl and real requests.

It lives beside the test cluster and not in the package, because it is nothing without it: a person with a cluster of his own
types the same commands there, and needs no program that types them.
"""
