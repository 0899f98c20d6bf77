"""How a step's function becomes a KFP component: the image it runs in, and nothing installed at run time."""

from kfp import dsl

# Holds the package `serinus` with its `pipelines` extra and these folders.
IMAGE = "serinus/pipeline-python:0.1.0"


def component(function):  # type: ignore[no-untyped-def]
    """A lightweight KFP component that runs `function` in IMAGE."""
    return dsl.component(function, base_image=IMAGE, install_kfp_package=False)
