"""A Kubernetes cluster of plain processes, for tests: the real control plane, KServe, Knative and a gateway."""
