"""A server that speaks the Kubeflow Pipelines v2beta1 REST API as far as Serinus asks it. It runs no pipeline.

It is not Kubeflow Pipelines. What it knows of the protocol are the published models of `kfp-server-api`: every body is read
into its model and written back, and one that does not come out the same (an unknown field, a wrong type) is refused, in
requests and in its own answers alike. How it behaves follows the API server's source: names of pipelines are unique and
those of runs are not, a namespace is refused where there is only one, unset times are 1970, and the tasks of a run are the
nodes of an Argo workflow, drivers and all. What becomes of a run is what the test says.
"""

import base64
import json
import re
import socket
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api as api
import yaml

NEVER = "1970-01-01T00:00:00Z"
Json = dict[str, Any]
CLIENT = api.ApiClient(api.Configuration())


class Refusal(Exception):
    """An answer that is an error: HTTP status and gRPC code."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class _Text:
    """What the generated client reads answers from."""

    data: str


def checked(content: Any, model: str) -> Any:
    """`content` as it was, if it is one of the API's `model` and nothing else. Raises Refusal."""
    try:
        read = CLIENT.deserialize(_Text(json.dumps(content)), model)
        written = json.loads(json.dumps(CLIENT.sanitize_for_serialization(read)))
    except (ValueError, TypeError, AttributeError) as error:
        raise Refusal(400, 3, f"this is no {model}: {error}") from error
    if _plain(written) != _plain(content):
        raise Refusal(
            400, 3, f"this is no {model}: {json.dumps(content)[:300]} was read as {json.dumps(written)[:300]}"
        )
    return content


def _plain(value: Any) -> Any:
    """Without what JSON may write in two ways: times, and fields that are null."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", value):
        return datetime.fromisoformat(value)
    return value


@dataclass
class KfpServer:
    """What it holds, and how it behaves. Every object is a body as the API has it."""

    multi_user: bool = False
    authorization: str = ""  # what requests must bear
    namespaces: frozenset[str] = frozenset({"team"})  # where who asks may do things
    fault: Callable[[str, str], Refusal | None] = lambda method, path: None
    script: list[tuple[str, list[Json]]] = field(default_factory=list)  # what each look at a run finds: state and tasks
    hidden: set[str] = field(default_factory=set)  # paths that are asked for once as if nothing were there yet
    page: str = ""  # answers every request with this page, as a login does
    redirect: str = ""
    api: str = "v2beta1"
    url: str = ""
    experiments: dict[str, Json] = field(default_factory=dict)
    pipelines: dict[str, Json] = field(default_factory=dict)
    versions: dict[str, Json] = field(default_factory=dict)
    runs: dict[str, Json] = field(default_factory=dict)
    recurring: dict[str, Json] = field(default_factory=dict)
    uploads: list[bytes] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    seen_authorization: list[str] = field(default_factory=list)

    # What the world does with a run.

    def report(self, run: str, state: str, *tasks: Json, error: str = "") -> None:
        """The state of the run and of its tasks from now on."""
        found = self.runs[run]
        found["state"] = state
        found["run_details"] = {"task_details": [checked(one, "V2beta1PipelineTaskDetail") for one in tasks]}
        if error:
            found["state_history"] = [{"state": state, "error": {"code": 13, "message": error}}]
        checked(found, "V2beta1Run")

    # What it answers.

    def admit(self, method: str, path: str, authorization: str) -> None:
        """Raise Refusal for who may not ask, and for what the test wants refused."""
        if self.authorization and authorization != self.authorization:
            raise Refusal(401, 16, "Request header error: there is no user identity header")
        refusal = self.fault(method, path)
        if refusal:
            raise refusal

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Json:
        """The body of the answer to one request. Raises Refusal."""
        asked = path.removeprefix(f"/apis/{self.api}/")
        if method == "GET" and asked in self.hidden:
            self.hidden.remove(asked)
            if "/names/" in asked:
                raise Refusal(404, 5, "ResourceNotFoundError")
            return {}
        for wanted, pattern, handler in ROUTES:
            found = re.fullmatch(f"/apis/{self.api}/{pattern}", path)
            if found and method == wanted:
                return handler(self, query, body, *found.groups())
        raise Refusal(404, 5, "Not Found")

    def healthz(self, _: dict[str, str], __: Any) -> Json:
        return checked({"multi_user": self.multi_user, "pipeline_store": "database"}, "V2beta1GetHealthzResponse")

    def create_experiment(self, _: dict[str, str], body: Any) -> Json:
        self._namespace(checked(body, "V2beta1Experiment").get("namespace", ""))
        if any(
            one["display_name"] == body["display_name"] for one in self._in(body.get("namespace", ""), self.experiments)
        ):
            raise Refusal(409, 6, f"Already exist error: experiment {body['display_name']}")
        made = {**body, "experiment_id": _id(), "created_at": _now(), "storage_state": "AVAILABLE"}
        return self._keep(self.experiments, made, "experiment_id", "V2beta1Experiment")

    def list_experiments(self, query: dict[str, str], _: Any) -> Json:
        self._namespace(query.get("namespace", ""))
        found = _filtered(self._in(query.get("namespace", ""), self.experiments), query)
        return checked(
            {"experiments": found, "total_size": len(found)} if found else {}, "V2beta1ListExperimentsResponse"
        )

    def create_pipeline(self, _: dict[str, str], body: Any) -> Json:
        self._namespace(checked(body, "V2beta1Pipeline").get("namespace", ""))
        if any(one["name"] == body["name"] for one in self._in(body.get("namespace", ""), self.pipelines)):
            raise Refusal(409, 6, f"Already exist error: pipeline {body['name']}")
        made = {**body, "pipeline_id": _id(), "created_at": _now()}
        return self._keep(self.pipelines, made, "pipeline_id", "V2beta1Pipeline")

    def pipeline_by_name(self, query: dict[str, str], _: Any, name: str) -> Json:
        self._namespace(query.get("namespace", ""))
        for one in self._in(query.get("namespace", ""), self.pipelines):
            if one["name"] == name:
                return checked(one, "V2beta1Pipeline")
        raise Refusal(404, 5, f"ResourceNotFoundError: Pipeline {name} not found.")

    def list_versions(self, query: dict[str, str], _: Any, pipeline: str) -> Json:
        found = _filtered([one for one in self.versions.values() if one["pipeline_id"] == pipeline], query)
        content = {"pipeline_versions": found, "total_size": len(found)} if found else {}
        return checked(content, "V2beta1ListPipelineVersionsResponse")

    def upload_version(self, query: dict[str, str], body: Any) -> Json:
        if query.get("pipelineid") not in self.pipelines:
            raise Refusal(400, 3, "Failed to create a pipeline version")
        spec, *_ = yaml.load_all(body, Loader=yaml.CSafeLoader)
        if spec.get("schemaVersion") != "2.1.0" or "root" not in spec:
            raise Refusal(400, 3, "Failed to read a pipeline spec file")
        taken = [one["name"] for one in self.versions.values() if one["pipeline_id"] == query["pipelineid"]]
        if query["name"] in taken:
            raise Refusal(409, 6, "Failed to create a pipeline version")
        self.uploads.append(body)
        made = {"pipeline_id": query["pipelineid"], "pipeline_version_id": _id(), "name": query["name"]}
        made |= {"display_name": query["display_name"], "description": query["description"], "created_at": _now()}
        return self._keep(
            self.versions, {**made, "pipeline_spec": spec}, "pipeline_version_id", "V2beta1PipelineVersion"
        )

    def create_run(self, _: dict[str, str], body: Any) -> Json:
        self._runnable(checked(body, "V2beta1Run"))
        made = {**body, "run_id": _id(), "state": "PENDING", "storage_state": "AVAILABLE"}
        made |= {"created_at": _now(), "scheduled_at": _now(), "finished_at": NEVER}
        made.setdefault("service_account", "pipeline-runner")
        return self._keep(self.runs, made, "run_id", "V2beta1Run")

    def get_run(self, _: dict[str, str], __: Any, run: str) -> Json:
        if self.script:
            state, tasks = self.script.pop(0)
            self._run(run)
            self.report(run, state, *tasks)
        return checked(self._run(run), "V2beta1Run")

    def list_runs(self, query: dict[str, str], _: Any) -> Json:
        self._experiment(query["experiment_id"])
        held = [one for one in self.runs.values() if one["experiment_id"] == query["experiment_id"]]
        found = _filtered(held, query)
        return checked({"runs": found, "total_size": len(found)} if found else {}, "V2beta1ListRunsResponse")

    def terminate_run(self, _: dict[str, str], __: Any, run: str) -> Json:
        if self._run(run)["state"] not in ("PENDING", "RUNNING"):
            raise Refusal(400, 3, f"Failed to terminate run {run}. Row not found")
        self.runs[run]["state"] = "CANCELED"  # Argo stops the pods; CANCELING lasts until then
        return {}

    def retry_run(self, _: dict[str, str], __: Any, run: str) -> Json:
        if self._run(run)["state"] not in ("FAILED", "CANCELED"):
            raise Refusal(400, 3, "Only failed or terminated runs can be retried")
        tasks = self.runs[run].get("run_details", {}).get("task_details", [])
        kept = [one for one in tasks if one["state"] == "SUCCEEDED"]
        self.runs[run] |= {"state": "PENDING", "run_details": {"task_details": kept}}
        return {}

    def create_recurring(self, _: dict[str, str], body: Any) -> Json:
        self._runnable(checked(body, "V2beta1RecurringRun"))
        cron = body["trigger"]["cron_schedule"]["cron"]
        if len(cron.split()) != 6:
            raise Refusal(400, 3, f"Schedule cron is not a supported format: {cron}")
        if not 1 <= int(body["max_concurrency"]) <= 10:
            raise Refusal(400, 3, "max_concurrency must be in the range [1, 10]")
        made = {**body, "recurring_run_id": _id(), "status": "ENABLED", "created_at": _now(), "updated_at": _now()}
        made.setdefault("service_account", "pipeline-runner")
        return self._keep(self.recurring, made, "recurring_run_id", "V2beta1RecurringRun")

    def list_recurring(self, query: dict[str, str], _: Any) -> Json:
        held = [one for one in self.recurring.values() if one["experiment_id"] == query["experiment_id"]]
        found = _filtered(held, query)
        content = {"recurringRuns": found, "total_size": len(found)} if found else {}
        return checked(content, "V2beta1ListRecurringRunsResponse")

    def delete_recurring(self, _: dict[str, str], __: Any, recurring_run: str) -> Json:
        if self.recurring.pop(recurring_run, None) is None:
            raise Refusal(404, 5, "ResourceNotFoundError: Job not found.")
        return {}

    # What several of them do.

    def _namespace(self, namespace: str) -> None:
        if namespace and not self.multi_user:
            raise Refusal(400, 3, "In single-user mode, the request should not contain a namespace")
        if self.multi_user and namespace not in self.namespaces:
            raise Refusal(403, 7, f"User is not authorized with reason: not allowed in namespace {namespace}")

    def _in(self, namespace: str, held: dict[str, Json]) -> list[Json]:
        return [one for one in held.values() if one.get("namespace", "") == namespace]

    def _experiment(self, experiment: str) -> None:
        if experiment not in self.experiments:
            raise Refusal(404, 5, f"ResourceNotFoundError: Experiment {experiment} not found.")

    def _run(self, run: str) -> Json:
        if run not in self.runs:
            raise Refusal(404, 5, f"ResourceNotFoundError: Run {run} not found.")
        return self.runs[run]

    def _runnable(self, body: Json) -> None:
        """As the API server checks what it is to run: the version is there, and the parameters are its own."""
        self._experiment(body["experiment_id"])
        version = self.versions.get(body["pipeline_version_reference"]["pipeline_version_id"])
        if version is None:
            raise Refusal(404, 5, "ResourceNotFoundError: PipelineVersion not found.")
        declared = version["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]
        given = body["runtime_config"]["parameters"]
        needed = {name for name, one in declared.items() if "defaultValue" not in one and not one.get("isOptional")}
        if not needed <= given.keys() <= declared.keys():
            raise Refusal(400, 3, f"parameters {sorted(given)} are not those of the pipeline, {sorted(declared)}")
        types = {"STRING": str, "LIST": list, "NUMBER_INTEGER": int, "BOOLEAN": bool}
        wrong = [name for name, one in given.items() if not isinstance(one, types[declared[name]["parameterType"]])]
        if wrong:
            raise Refusal(400, 3, f"parameters {wrong} are of another type")

    def _keep(self, held: dict[str, Json], made: Json, key: str, model: str) -> Json:
        held[made[key]] = checked(made, model)
        return made


ROUTES: list[tuple[str, str, Callable[..., Json]]] = [
    ("GET", "healthz", KfpServer.healthz),
    ("POST", "experiments", KfpServer.create_experiment),
    ("GET", "experiments", KfpServer.list_experiments),
    ("POST", "pipelines", KfpServer.create_pipeline),
    ("GET", "pipelines/names/([^/]+)", KfpServer.pipeline_by_name),
    ("GET", "pipelines/([^/]+)/versions", KfpServer.list_versions),
    ("POST", "pipelines/upload_version", KfpServer.upload_version),
    ("POST", "runs", KfpServer.create_run),
    ("GET", "runs", KfpServer.list_runs),
    ("GET", "runs/([^/:]+)", KfpServer.get_run),
    ("POST", "runs/([^/:]+):terminate", KfpServer.terminate_run),
    ("POST", "runs/([^/:]+):retry", KfpServer.retry_run),
    ("POST", "recurringruns", KfpServer.create_recurring),
    ("GET", "recurringruns", KfpServer.list_recurring),
    ("DELETE", "recurringruns/([^/:]+)", KfpServer.delete_recurring),
]


def task(name: str, state: str, *, start: str = NEVER, end: str = NEVER, error: str = "") -> Json:
    """One node of the workflow. `error` stands where servers that tell it put it."""
    made: Json = {"task_id": _id(), "display_name": name, "state": state, "start_time": start, "end_time": end}
    return made | ({"state_history": [{"state": state, "error": {"code": 13, "message": error}}]} if error else {})


def basic(user: str, password: str) -> str:
    """The Authorization header of a user."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@contextmanager
def kfp_server(
    server: KfpServer | None = None, tls: ssl.SSLContext | None = None, listener: socket.socket | None = None
) -> Iterator[KfpServer]:
    """On a free port of this machine, or where `listener` listens, while the block lasts."""
    served = server or KfpServer()
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served))
    if listener:
        listening.socket.close()
        listening.socket = listener
    listening.daemon_threads = True
    if tls:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    host, port = listening.socket.getsockname()
    served.url = f"{'https' if tls else 'http'}://{host}:{port}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def _handler(server: KfpServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            authorization = self.headers.get("authorization", "")
            server.requests.append(f"{self.command} {parts.path}")
            server.seen_authorization.append(authorization)
            if server.redirect:
                return self.send(302, b"", "text/html", Location=server.redirect)
            if server.page:
                return self.send(200, server.page.encode(), "text/html; charset=utf-8")
            try:
                server.admit(self.command, parts.path, authorization)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                content = server.answer(self.command, parts.path, query, _content(self.headers, raw))
            except Refusal as error:
                told = {"error": str(error), "code": error.code, "message": str(error), "details": []}
                return self.send(error.status, json.dumps(told).encode())
            return self.send(200, json.dumps(content).encode())

        def send(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815

    return Handler


def _content(headers: Message, raw: bytes) -> Any:
    """A JSON body, or the file of an upload."""
    kind = headers.get("Content-Type", "")
    if kind.startswith("multipart/form-data"):
        parsed = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + raw)
        (part,) = parsed.iter_parts()
        assert part.get_param("name", header="content-disposition") == "uploadfile"
        return part.get_payload(decode=True)
    return json.loads(raw) if raw else None


def _filtered(held: list[Json], query: dict[str, str]) -> list[Json]:
    if "filter" not in query:
        return held
    (predicate,) = checked(json.loads(query["filter"]), "V2beta1Filter")["predicates"]
    assert predicate["operation"] == "EQUALS"
    return [one for one in held if one[predicate["key"]] == predicate["string_value"]]


def _id() -> str:
    return str(uuid.uuid4())


def _now() -> str:
    return datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
