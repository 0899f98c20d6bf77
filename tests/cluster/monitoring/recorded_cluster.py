"""What cAdvisor and kube-state-metrics say of the pods of a ModelDeployment, in their own schema."""

LIMITS = {"cpu": ("core", 1.0), "memory": ("byte", 1073741824.0)}


def kubelet(pod: str, grown: float) -> str:
    """cAdvisor's series of one pod: of the pod as a whole, of its sandbox, and of its container."""
    slice_of = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod3e5f.slice"
    containers = (
        ("", slice_of, "", ""),
        ("POD", f"{slice_of}/cri-containerd-5f0a.scope", "registry.k8s.io/pause:3.10", "5f0a"),
        ("kserve-container", f"{slice_of}/cri-containerd-9c1b.scope", "ghcr.io/serinus/predictor:0.1.0", "9c1b"),
    )
    lines = ["# TYPE container_cpu_usage_seconds_total counter"]
    for container, cgroup, image, name in containers:
        labels = f'container="{container}",cpu="total",id="{cgroup}",image="{image}",name="{name}",namespace="ml",pod="{pod}"'
        lines.append(f"container_cpu_usage_seconds_total{{{labels}}} {12.5 + grown}")
    lines.append("# TYPE container_memory_working_set_bytes gauge")
    for container, cgroup, image, name in containers:
        labels = f'container="{container}",id="{cgroup}",image="{image}",name="{name}",namespace="ml",pod="{pod}"'
        lines.append(f"container_memory_working_set_bytes{{{labels}}} 4.1e+08")
    return "\n".join(lines) + "\n"


def kube_state(pod: str) -> str:
    """The limits of its container."""
    lines = ["# TYPE kube_pod_container_resource_limits gauge"]
    for resource, (unit, value) in LIMITS.items():
        labels = (
            f'namespace="ml",pod="{pod}",uid="3e5f",container="kserve-container",node="node-1",'
            f'resource="{resource}",unit="{unit}"'
        )
        lines.append(f"kube_pod_container_resource_limits{{{labels}}} {value}")
    return "\n".join(lines) + "\n"
