"""Texts of ModelDeployment files that differ in one part from a good one."""

HEAD = """\
apiVersion: serinus.dev/v1alpha1
kind: ModelDeployment
metadata: {name: flight-delay}
"""


def with_model(*lines: str) -> str:
    """`spec.model` stands in line 5, and the given lines follow it."""
    return HEAD + "spec:\n  model:\n" + "".join(f"    {line}\n" for line in lines)


def with_spec(*lines: str) -> str:
    """A good model, and the given lines below spec, the first of them in line 6."""
    return HEAD + "spec:\n  model: {name: delay, version: 7}\n" + "".join(f"  {line}\n" for line in lines)


def with_rollout(*lines: str) -> str:
    """The given lines below spec.rollout, the first of them in line 7."""
    return with_spec("rollout:", *(f"  {line}" for line in lines))


def with_serving(*lines: str) -> str:
    """The given lines below spec.serving, the first of them in line 7."""
    return with_spec("serving:", *(f"  {line}" for line in lines))
