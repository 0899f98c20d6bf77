// Only read: the CustomResourceDefinitions of the Prometheus operator are in its source.
module serinus.test/monitoring

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.92.1 // indirect
