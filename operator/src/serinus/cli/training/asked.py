"""What `serinus train` was asked for, and which of it makes no sense together."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import typer

from serinus.adapters.kfp_errors import FORWARD


@dataclass(frozen=True)
class Asked:
    """The words of the command line; empty is not given."""

    file: Path | None
    as_of: datetime | None
    as_json: bool
    run_id: str
    watch: bool
    every: str
    cancel: str
    host: str
    namespace: str
    snapshots: str
    registry: str

    @property
    def training_file(self) -> Path:
        """The file that was named."""
        if self.file is None:
            raise typer.BadParameter("name the training file", param_hint="'-f' / '--file'")
        return self.file

    def refuse_what_makes_no_sense(self, *, on_kfp: bool) -> None:
        """Raise typer.BadParameter, a wrong usage, naming the option that is too many or missing."""
        if self.run_id and not _is_name(self.run_id):
            raise _too_many("--run-id", "it is none that was told; give letters, digits, and . _ - between them")
        if not on_kfp:
            self._refuse_elsewhere()
            _ = self.training_file
            return
        if self.cancel:
            self._refuse_beside_cancel()
        elif self.every and (self.watch or self.run_id):
            raise _too_many("--watch" if self.watch else "--run-id", "--every starts no run now; leave one of them out")
        if not self.cancel:
            _ = self.training_file
        if not self.host:
            raise typer.BadParameter(
                f"Kubeflow Pipelines has no address; set it or KFP_HOST, to http://localhost:8080 after `{FORWARD}`",
                param_hint="--kfp-host",
            )

    def _refuse_elsewhere(self) -> None:
        for option, given in (("--every", self.every), ("--cancel", self.cancel)):
            if given:
                raise _too_many(option, "only Kubeflow Pipelines does this; use --on kfp, or cron and Ctrl-C here")

    def _refuse_beside_cancel(self) -> None:
        for option, given in (
            ("--every", self.every),
            ("--watch", self.watch),
            ("--run-id", self.run_id),
            ("-f", self.file),
        ):
            if given:
                raise _too_many(option, "--cancel only ends a run; leave it out")


def _is_name(text: str) -> bool:
    return text.replace("-", "").replace("_", "").replace(".", "").isalnum() and text.isascii() and text[0] not in ".-"


def _too_many(option: str, why: str) -> typer.BadParameter:
    return typer.BadParameter(why, param_hint=option)
