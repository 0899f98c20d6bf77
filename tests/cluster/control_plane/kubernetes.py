"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler."""

from dataclasses import dataclass
from pathlib import Path

from tests.cluster.control_plane import builds, kubeconfigs
from tests.cluster.control_plane.certificates import Authority, write_token_key
from tests.cluster.control_plane.client import Kubectl
from tests.cluster.control_plane.layout import (
    API_ADDRESS,
    API_PORT,
    NODE_ADDRESS,
    NODE_SELECTOR_LABEL,
    SERVICE_CIDR,
    Layout,
)
from tests.cluster.control_plane.processes import Record, Starter

ETCD_CLIENTS = "http://127.0.0.1:2379"
ETCD_PEERS = "http://127.0.0.1:2380"
API_SERVER_HOSTS = (
    *(API_ADDRESS, NODE_ADDRESS, "127.0.0.1", "localhost"),
    *("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"),
)
# Pods run on the node whose processes are real, unless their namespace's annotation says otherwise.
ADMISSION = f"""\
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodNodeSelector
  configuration:
    podNodeSelectorPluginConfig:
      clusterDefaultNodeSelector: {NODE_SELECTOR_LABEL}=real
"""


@dataclass(frozen=True)
class ControlPlane:
    """Starts the control plane of one cluster."""

    layout: Layout
    starter: Starter

    def prepare(self) -> None:
        """Write certificates and configuration."""
        pki = self.layout.pki
        authority = Authority(pki)
        write_token_key(pki / "tokens.key")
        authority.sign("apiserver", "kube-apiserver", hosts=API_SERVER_HOSTS)
        authority.sign("admin", "admin", groups=["system:masters"])
        authority.sign("controllers", "system:kube-controller-manager")
        authority.sign("scheduler", "system:kube-scheduler")
        authority.sign("kubelet", "serinus-test-kubelet", groups=["system:masters"], hosts=[NODE_ADDRESS])
        authority.sign("kserve-webhook", "kserve-webhook", hosts=["kserve-webhook-server-service.kserve.svc"])
        for user in ("admin", "controllers", "scheduler", "kubelet"):
            kubeconfigs.write_inside(self.layout, user)
        (self.layout.folder / "admission.yaml").write_text(ADMISSION)

    def start_api_server(self, client: Kubectl) -> None:
        """etcd and the API server, until it says that it is ready."""
        self.start_etcd()
        self.start_server(client)

    def start_etcd(self) -> Record:
        """Its data need not survive the machine."""
        urls = [f"--listen-client-urls={ETCD_CLIENTS}", f"--advertise-client-urls={ETCD_CLIENTS}"]
        urls += [f"--listen-peer-urls={ETCD_PEERS}", f"--initial-advertise-peer-urls={ETCD_PEERS}"]
        data = [f"--data-dir={self.layout.folder / 'etcd'}", f"--initial-cluster=default={ETCD_PEERS}"]
        return self.starter.start("etcd", [builds.ETCD.path, *data, *urls, "--unsafe-no-fsync", "--log-level=warn"])

    def start_server(self, client: Kubectl) -> None:
        """The API server, at the address that pods know it by, until it says that it is ready."""
        pki = self.layout.pki
        arguments = [
            f"--etcd-servers={ETCD_CLIENTS}",
            f"--bind-address={API_ADDRESS}",
            f"--secure-port={API_PORT}",
            f"--advertise-address={NODE_ADDRESS}",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            "--authorization-mode=RBAC",
            "--allow-privileged",
            "--enable-admission-plugins=PodNodeSelector",
            f"--admission-control-config-file={self.layout.folder / 'admission.yaml'}",
            # There is no kube-proxy on this side: webhooks are reached at the pods of their Service.
            "--enable-aggregator-routing=true",
            "--endpoint-reconciler-type=none",
            "--profiling=false",
            f"--cert-dir={self.layout.folder / 'certs'}",
            *_certificates(pki),
        ]
        server = self.starter.start("kube-apiserver", [builds.API_SERVER.path, *arguments])
        self.starter.wait(server, lambda: client.succeeds("get", "--raw", "/readyz"))

    def start_controllers(self) -> None:
        """The controllers of Deployments, Services, namespaces and so on, and the scheduler."""
        pki = self.layout.pki
        common = ["--bind-address=127.0.0.1", "--leader-elect=false", f"--cert-dir={self.layout.folder / 'certs'}"]
        controllers = [
            f"--kubeconfig={self.layout.kubeconfig_of('controllers')}",
            "--use-service-account-credentials",
            f"--service-account-private-key-file={pki / 'tokens.key'}",
            f"--root-ca-file={pki / 'ca.crt'}",
            "--node-monitor-grace-period=300s",
        ]
        scheduler = [f"--kubeconfig={self.layout.kubeconfig_of('scheduler')}"]
        self.starter.start("kube-controller-manager", [builds.CONTROLLERS.path, *common, *controllers])
        self.starter.start("kube-scheduler", [builds.SCHEDULER.path, *common, *scheduler])


def _certificates(pki: Path) -> list[str]:
    return [
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--service-account-key-file={pki / 'tokens.key'}",
        f"--service-account-signing-key-file={pki / 'tokens.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-client-certificate={pki / 'kubelet.crt'}",
        f"--kubelet-client-key={pki / 'kubelet.key'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
    ]
