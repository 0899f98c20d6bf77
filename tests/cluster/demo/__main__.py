"""`python -m tests.cluster.demo`: what `make demo-cluster` runs."""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from serinus.demo.summary import summary_json
from tests.cluster.control_plane import builds, network
from tests.cluster.control_plane import cluster as clusters
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.errors import ClusterError
from tests.cluster.control_plane.layout import REPOSITORY
from tests.cluster.demo import story
from tests.cluster.demo.registry import Registry
from tests.cluster.demo.story import Stage
from tests.cluster.demo.summary import ClusterSummary, print_summary, summary_of
from tests.cluster.demo.traffic import Traffic
from tests.cluster.demo.typed import DemoFailed, Typist
from tests.cluster.looking import look_at

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130
FAILURES = (ClusterError, DemoFailed, AssertionError)
MODELS_SECONDS = 120


def demo(
    name: Annotated[str, typer.Option(help="Name of the cluster that is made, and removed at the end.")] = "demo",
    json_file: Annotated[Path | None, typer.Option("--json", help="Where the summary goes.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the cluster as it is when the story is told.")] = False,
) -> None:
    """Start a cluster, install Serinus, replace a model by a better one and catch a bad one, with kubectl."""
    try:
        play(name, json_file, keep=keep)
    except FAILURES as error:
        sys.exit(f"the demo failed: {error}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def play(name: str, json_file: Path | None, *, keep: bool) -> None:
    """The demo from nothing to nothing. Raises ClusterError; DemoFailed when reality does not follow the story."""
    teller = Teller()
    clusters.require_none(Cluster.named(name))
    _require_tools()
    teller.say("This takes about three minutes, and the first time 15 to 20 more, to build the programs of a cluster")
    builds.build((*builds.STANDARD, builds.HELM))
    folder = Path(tempfile.mkdtemp(prefix="serinus-demo-"))
    told = failed = False
    try:
        with _training(folder) as trained:
            teller.say("1. a cluster: API server, KServe and a gateway as processes, as `make cluster` starts them")
            cluster = clusters.up(name)
            stage = _stage(cluster, folder, teller)
            story.install(stage.typist, teller.say)
            teller.say("3. three models of late flights go to the MLflow registry that the chart was told of")
            trained()
        stage.registry.wait()
        teller.show(_ended(_models("register", str(folder), stage.registry.url)).strip())
        summary = _tell(stage, teller)
        if json_file:
            json_file.write_text(summary_json(summary))
        print_summary(summary)
        _compare(stage, summary)
        told = True
    except FAILURES:
        failed = True
        raise
    finally:
        for number in ENDINGS:  # what was started is ended, however often somebody asks
            signal.signal(number, signal.SIG_IGN)
        if told and keep:
            _say_what_to_try(cluster, folder)
        else:
            with suppress(OSError):  # the terminal may be gone
                teller.say("the cluster goes down")
            clusters.down(name, keep_logs=failed)
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                teller.say("nothing of it runs any more")


def _require_tools() -> None:
    """Before anything is built for a machine that cannot run it."""
    network.require_tools()
    if shutil.which("curl") is None:
        raise ClusterError("the demo sends a request with `curl`; on Debian and Ubuntu: apt install curl")


class Teller:
    """Says lines of the story, with the seconds since the start. What commands print is shown as it is."""

    def __init__(self) -> None:
        self.began, self.began_at = time.monotonic(), datetime.now(UTC)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.began

    def say(self, text: str) -> None:
        """A line of the story."""
        typer.secho(f"\n{self.seconds:5.0f}s  {text}", bold=True)
        sys.stdout.flush()

    def show(self, line: str) -> None:
        """A command, or a line of what it prints."""
        typer.secho(line, fg="cyan" if line.startswith("$ ") else None)
        sys.stdout.flush()


@contextmanager
def _training(folder: Path) -> Iterator[Callable[[], str]]:
    """Train beside what is started meanwhile; the block gets a function that waits for the models."""
    process = _models("train", str(folder))
    try:
        yield lambda: _ended(process)
    finally:
        process.kill()
        process.wait()


def _models(*words: str) -> "subprocess.Popen[str]":
    """Whatever needs the libraries of machine learning is a process of its own, with less right to the processor."""
    command = ["nice", "-n", "10", sys.executable, "-m", "tests.cluster.demo.models", *words]
    return subprocess.Popen(command, cwd=REPOSITORY, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _ended(process: "subprocess.Popen[str]") -> str:
    """What it has printed. Raises DemoFailed."""
    try:
        said, _ = process.communicate(timeout=MODELS_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise DemoFailed(f"the models are not made after {MODELS_SECONDS} s") from error
    finally:
        process.kill()
    if process.returncode:
        raise DemoFailed(f"the models could not be made: {said.strip()[-2000:]}")
    return said


def _stage(cluster: Cluster, folder: Path, teller: Teller) -> Stage:
    """The shell that a person would have."""
    caches = {"KUBECACHEDIR": str(folder / "kube"), "HELM_CACHE_HOME": str(folder / "helm"), "TERM": "dumb"}
    typist = Typist(teller.show, REPOSITORY, caches)
    typist.export("KUBECONFIG", str(cluster.kubeconfig))
    typist.export("PATH", f"{Path(sys.executable).parent}:{builds.HELM.path.parent}:$PATH")
    traffic = Traffic(f"{cluster.gateway_url}/v2/models/{story.NAME}/infer", story.HOST)
    return Stage(cluster, look_at(cluster), typist, folder, teller.say, traffic, Registry(cluster, folder / "mlflow"))


def _tell(stage: Stage, teller: Teller) -> ClusterSummary:
    story.first_version(stage)
    with story.sending(stage):
        story.good_version(stage)
        story.bad_version(stage)
    return summary_of(stage, teller.began_at, teller.seconds)


def _compare(stage: Stage, summary: ClusterSummary) -> None:
    """Raise DemoFailed where what was seen is not what the story tells."""
    if found := list(story.problems(stage.records, stage.traffic.failures, summary.champion or "")):
        raise DemoFailed("; ".join(found))


def _say_what_to_try(cluster: Cluster, folder: Path) -> None:
    typer.echo(f"""
The cluster is still there. In another terminal:
  export KUBECONFIG={cluster.kubeconfig}
  export PATH={Path(sys.executable).parent}:$PATH
  cd {folder}
  kubectl get mdep -A
  kubectl events --for modeldeployment/{story.NAME} -n {story.NAMESPACE}
  kubectl serinus retry {story.NAME} -n {story.NAMESPACE}      # version 3 once more; without requests it waits
  kubectl serinus promote {story.NAME} -n {story.NAMESPACE}    # or abort: a person decides
  kubectl get isvc,httproute,pods -n {story.NAMESPACE}
Remove it:
  make cluster-down ARGS="--name {cluster.layout.name}"; rm -r {folder}""")


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """What a person can act on is told in a sentence; Ctrl-C, SIGTERM and a closed terminal end everything."""
    for number in ENDINGS:
        signal.signal(number, _interrupt)
    typer.run(demo)


if __name__ == "__main__":
    main()
