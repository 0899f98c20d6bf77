"""The operator as a process of its own, to be stopped, killed and started again; its log is what people would read."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.looking import eventually

GATEWAY = "kserve/kserve-ingress-gateway"
DOMAIN = "models.example.org"
STOP_SECONDS = 40


class Operator:
    """One replica. All replicas of a test share a Lease in the test's namespace; `lease=False`: it is the only one.

    `inside`: it runs in the network of the pods, as it does in a real cluster, and asks them for their counters.
    `clock`: a file that says by how many seconds its clock is wrong. `python`: the interpreter, of this environment or another.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        folder: Path,
        name: str,
        *,
        lease: bool = True,
        inside: bool = False,
        clock: Path | None = None,
        python: Path = Path(sys.executable),
        **flags: str,
    ) -> None:
        self.log = folder / f"{name}.log"
        self.name = name
        settings = {
            "kubeconfig": str(cluster.layout.kubeconfig_of("admin") if inside else cluster.kubeconfig),
            "namespaces": namespace,
            "lease-namespace": namespace,
            "identity": name,
            "gateway": GATEWAY,
            "domain": DOMAIN,
            **({} if inside else {"gateway-metrics-url": cluster.gateway_metrics_url}),
            "drain-seconds": "1",
            "listen-host": "127.0.0.1",
            "listen-port": "0",
            **{flag.replace("_", "-"): value for flag, value in flags.items()},
        }
        program = ["tests.cluster.operating.wrong_clock", str(clock)] if clock else ["serinus.cli"]
        self._command = [*(cluster.prefix if inside else ()), str(python), "-m", *program, "operator"]
        self._command += [f"--{flag}={value}" for flag, value in settings.items()] + ([] if lease else ["--no-lease"])
        self.process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SERINUS_", "KUBE"))}
        self._begins = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            return subprocess.Popen(self._command, stdout=log, stderr=log, env=clean)

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(10)

    def again(self) -> "Operator":
        """Another process of the same replica."""
        self.process = self._started()
        return self

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    @property
    def text(self) -> str:
        """The log of the present process."""
        return self.log.read_bytes()[self._begins :].decode(errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        """Every line of the log that is one of JSON."""
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]

    def said(self, words: str) -> bool:
        return words in self.text

    def works(self) -> bool:
        return self.said("work begins")

    @property
    def port(self) -> int:
        """Where metrics and health are."""
        found = [line for line in self.lines() if line["message"].startswith("metrics and health")]
        return int(found[-1]["message"].rpartition(" ")[2])

    def ask(self, path: str) -> tuple[int, str]:
        """An HTTP answer of the process: status and text."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's series that bear the labels."""
        total = 0.0
        for line in self.ask("/metrics")[1].splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if (
                match
                and match[1] == name
                and all(f'{key}="{value}"' in (match[2] or "") for key, value in labels.items())
            ):
                total += float(match[3])
        return total

    def until_works(self, seconds: float = 60) -> "Operator":
        eventually(lambda: self.works() or self.process.poll() is not None, f"{self.name} works", seconds)
        assert self.process.poll() is None, self.text[-3000:]
        return self
