"""What a step costs beside its own work: `python tests/benchmarks/step_overhead.py [STEPS]`.

A pipeline of steps that do nothing, run by kfp.local: with its own SubprocessRunner as it comes, and forked from the warm process
that `serinus train` uses. A long pipeline's seconds less a short one's, by their difference in steps: what a run costs once (the
start of the warm process, the imports) is in both.
"""

import contextlib
import io
import statistics
import subprocess
import sys
import tempfile
import time

SHORT = 2
ROUNDS = 3


def seconds_of_a_step(kind: str, steps: int) -> float:
    """Measured in this process, which must be fresh."""
    from pipelines.warm import warm_steps

    context = warm_steps() if kind == "warm" else contextlib.nullcontext()
    with context, tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        from kfp import dsl, local

        @dsl.component(base_image="python:3.11", install_kfp_package=kind == "kfp")
        def nothing(count: int) -> int:
            return count + 1

        def seconds(length: int) -> float:
            @dsl.pipeline(name=f"steps-{length}")
            def chain() -> int:
                last = nothing(count=0)
                for _ in range(length - 1):
                    last = nothing(count=last.output)
                return last.output

            began = time.perf_counter()
            if chain().outputs["Output"] != length:
                raise RuntimeError(f"the pipeline of {length} steps did not run to its end")
            return time.perf_counter() - began

        local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=folder)
        seconds(SHORT)  # pays for what is made once
        return (seconds(steps) - seconds(SHORT)) / (steps - SHORT)


def main(steps: int) -> None:
    """Print the median of ROUNDS for each kind, in turns, and their ratio."""
    found: dict[str, list[float]] = {"kfp": [], "warm": []}
    for _ in range(ROUNDS):
        for kind, seconds in found.items():
            command = [sys.executable, __file__, "--run", kind, str(steps)]
            seconds.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    kfp, warm = (statistics.median(found[kind]) for kind in ("kfp", "warm"))
    print(
        f"a step costs {kfp:.3f} s by kfp's default and {warm:.3f} s from the warm process: {kfp / warm:.1f} times less"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        print(seconds_of_a_step(sys.argv[2], int(sys.argv[3])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
