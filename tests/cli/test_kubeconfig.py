"""The kubeconfig is read as kubectl reads it; what is wrong with it is one sentence."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from serinus.cli.homes.home import HomeRefused, NoCluster
from serinus.cli.homes.kubeconfig import chosen


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a kubeconfig of the person who runs the tests nor that of a pod."""
    for name in [name for name in os.environ if name.startswith("KUBE")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def cluster(name: str, **content: Any) -> dict[str, Any]:
    return {"name": name, "cluster": {"server": f"https://{name}.example", **content}}


def context(name: str, cluster: str, user: str = "ann") -> dict[str, Any]:
    return {"name": name, "context": {"cluster": cluster, "user": user}}


def user(name: str = "ann", **content: Any) -> dict[str, Any]:
    return {"name": name, "user": content or {"token": "t"}}


def write(path: Path, **sections: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({name.replace("_", "-"): content for name, content in sections.items()}))
    return path


def whole(path: Path, **changes: Any) -> Path:
    content = {"clusters": [cluster("a")], "contexts": [context("a", "a")], "users": [user()], "current_context": "a"}
    return write(path, **{**content, **changes})


def test_the_current_context_counts_unless_another_is_named(tmp_path: Path) -> None:
    path = whole(
        tmp_path / "config", clusters=[cluster("a"), cluster("b")], contexts=[context("a", "a"), context("b", "b")]
    )
    assert chosen(str(path), "").cluster.server == "https://a.example"
    assert chosen(str(path), "b").cluster.server == "https://b.example"
    with pytest.raises(HomeRefused, match=f"context c is not in {path}; there is: a, b"):
        chosen(str(path), "c")


def test_no_current_context_says_which_there_are(tmp_path: Path) -> None:
    path = whole(tmp_path / "config", current_context="")
    with pytest.raises(HomeRefused, match="has no current context; choose one with --context: a"):
        chosen(str(path), "")


def test_files_of_the_environment_are_one_and_the_first_weighs_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(tmp_path / "1", contexts=[context("mine", "a")], clusters=[], users=None)
    second = whole(tmp_path / "2", users=[user(token="second")])
    third = whole(tmp_path / "3", clusters=[cluster("a", server="https://other.example")], current_context="b")
    paths = (first, tmp_path / "missing", second, third)
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, paths)))
    assert chosen("", "").context_name == "a"
    found = chosen("", "mine")
    assert found.cluster.server == "https://a.example"
    assert found.user is not None
    assert found.user.token == "second"


def test_the_default_place_is_found_and_nothing_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoCluster, match=r"there is no kubeconfig at .*/.kube/config; name one with --kubeconfig"):
        chosen("", "")
    with pytest.raises(NoCluster, match=r"there is no kubeconfig x\.yaml"):
        chosen("x.yaml", "")
    whole(tmp_path / ".kube" / "config")
    assert chosen("", "").context_name == "a"


def test_files_are_found_from_where_the_kubeconfig_is(tmp_path: Path) -> None:
    keys = {"client-certificate": "me.crt", "client-key": "/abs/me.key"}
    path = whole(
        tmp_path / "deep" / "config",
        clusters=[cluster("a", **{"certificate-authority": "ca.crt"})],
        users=[user(**keys)],
    )
    found = chosen(str(path), "")
    assert found.cluster.certificate_auth == str(path.parent / "ca.crt")
    assert found.user is not None
    assert (found.user.client_cert, found.user.client_key) == (str(path.parent / "me.crt"), "/abs/me.key")


@pytest.mark.parametrize(
    "content", ["[]", "just text", "{clusters: 1}", "{clusters: [1]}", "{users: [{user: {}}]}", "a: [", "\x00"]
)
def test_a_file_that_is_no_kubeconfig_is_said(content: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(HomeRefused, match=r"is not a kubeconfig|cannot be read"):
        chosen(str(path), "")


@pytest.mark.parametrize(
    "changes",
    [
        {"clusters": []},
        {"users": []},
        {"clusters": [{"name": "a", "cluster": {"server": 1}}]},
        {"clusters": [{"name": "a"}]},
        {"contexts": [{"name": "a", "context": {"user": "ann"}}]},
        {"contexts": [{"name": "a", "context": None}]},
    ],
)
def test_a_context_that_is_not_whole_is_said(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(HomeRefused, match=r"context a in .* is not whole"):
        chosen(str(whole(tmp_path / "config", **changes)), "")


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_login_program_is_told_the_version_it_was_written_for(version: str, tmp_path: Path) -> None:
    plugin = {"apiVersion": f"client.authentication.k8s.io/{version}", "command": "login", "args": ["now"]}
    found = chosen(str(whole(tmp_path / "config", users=[user(exec=plugin)])), "")
    assert found.user is not None
    assert found.user.exec is not None
    assert found.user.exec.args == ["now"]
    told = {one.name: one.value for one in found.user.exec.env or []}
    assert json.loads(told["KUBERNETES_EXEC_INFO"])["apiVersion"] == plugin["apiVersion"]
