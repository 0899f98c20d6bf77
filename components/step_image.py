"""How a step's function becomes a KFP component: the image it runs in, and nothing installed at run time."""

from collections.abc import Callable
from typing import Any

from kfp import dsl

from components.images import IMAGE_OF_STEP, reference


def component(function: Callable[..., Any]) -> Any:
    """A lightweight KFP component that runs `function`, of components/<step>/component.py, in the step's image."""
    step = function.__module__.split(".")[1]
    return dsl.component(function, base_image=reference(IMAGE_OF_STEP[step]), install_kfp_package=False)
