"""Which home a command is about: the folder that has the deployment, or the cluster; said plainly where it is neither."""

from pathlib import Path
from typing import Any

import pytest

from serinus.cli.homes.choosing import PLUGIN, Asked, NothingAnywhere, home_of
from serinus.cli.homes.cluster import ClusterHome
from serinus.cli.homes.folder import FolderHome
from serinus.cli.homes.home import Home, HomeRefused, NoCluster, NotThere
from serinus.core.state import Phase
from serinus.local.files import atomic_write_text
from serinus.local.folder import StateFolder
from serinus.ports import Key
from tests.cli.homes import stub_server
from tests.fakes.world import deployment
from tests.unit.core.builders import state

KEY = Key("ml", "flights")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return tmp_path


def deploy(folder: Path, key: Key = KEY) -> None:
    files = StateFolder(folder)
    atomic_write_text(files.state(key), state(Phase.STABLE).model_dump_json(by_alias=True))
    atomic_write_text(files.spec(key), deployment("1").model_dump_json(by_alias=True))


def kubeconfig(folder: Path) -> None:
    with stub_server(lambda _method, _path: (200, {})) as stub:
        stub.kubeconfig(folder)


def kind(home: Home) -> type[Any]:
    return type(home)


def test_the_folder_that_has_it_comes_before_the_cluster(here: Path) -> None:
    deploy(here / ".serinus")
    kubeconfig(here)
    for name in ("flights", "ml/flights", ""):
        assert kind(home_of(Asked(), name)) is FolderHome
    for name in ("ships", "other/flights"):
        assert kind(home_of(Asked(), name)) is ClusterHome


@pytest.mark.parametrize(
    "asked",
    [
        Asked(namespace="ml"),
        Asked(context="stub"),
        Asked(kubeconfig="kubeconfig"),
        Asked(everywhere=True),
        Asked(program=PLUGIN),
    ],
)
def test_whoever_names_a_cluster_means_it(asked: Asked, here: Path) -> None:
    deploy(here / ".serinus")
    kubeconfig(here)
    assert kind(home_of(asked, "flights")) is ClusterHome
    (here / "kubeconfig").unlink()
    with pytest.raises(NoCluster):
        home_of(asked, "flights")


def test_whoever_names_a_folder_means_it_and_cannot_mean_both(here: Path) -> None:
    kubeconfig(here)
    home = home_of(Asked(here / "other", namespace="ml", program=PLUGIN), "flights")
    assert kind(home) is FolderHome
    with pytest.raises(NotThere, match="no deployment ml/flights in"):
        home.find("flights")
    with pytest.raises(HomeRefused, match="give one or the other"):
        home_of(Asked(here / "other", context="stub"))


def test_neither_is_said(here: Path) -> None:
    with pytest.raises(
        NothingAnywhere, match=r"no deployment flights in \.serinus .*, and no cluster to look in: there is no"
    ):
        home_of(Asked(), "flights")
    deploy(here / ".serinus")
    with pytest.raises(NotThere, match=r"no deployment ships in \.serinus; there is: ml/flights"):
        home_of(Asked(), "ships")


def test_a_namespace_narrows_a_folder(here: Path) -> None:
    for namespace in ("ml", "prod"):
        deploy(here / "x", Key(namespace, "flights"))
    home = home_of(Asked(here / "x", namespace="prod"))
    assert [str(one.key) for one in home.all()] == ["prod/flights"]
    assert home.find("flights").key.namespace == "prod"
    with pytest.raises(NotThere, match="in several namespaces"):
        home_of(Asked(here / "x")).find("flights")


def test_commands_lead_back_to_the_same_place(here: Path) -> None:
    deploy(here / ".serinus")
    deploy(here / "x")
    kubeconfig(here)
    assert home_of(Asked(), "flights").command("abort", KEY) == "serinus abort flights"
    assert home_of(Asked(Path("x"))).command("abort", KEY) == "serinus abort flights --state-dir x"
    cluster = home_of(Asked(context="stub", program=PLUGIN))
    assert cluster.command("abort", KEY) == "kubectl serinus abort flights -n ml --context stub"
    assert cluster.label == "namespace ml of context stub"
