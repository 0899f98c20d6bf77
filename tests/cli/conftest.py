from tests.local.support.fixtures import deployment, new_runtime, registry, runtime

__all__ = ["deployment", "new_runtime", "registry", "runtime"]
