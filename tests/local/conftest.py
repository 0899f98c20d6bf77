import pytest

from tests.local.support.fixtures import deployment, new_runtime, registry, runtime

__all__ = ["anyio_backend", "deployment", "new_runtime", "registry", "runtime"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
