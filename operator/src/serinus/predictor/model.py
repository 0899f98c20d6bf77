"""One scikit-learn model behind KServe's Model interface."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
from kserve import InferRequest, InferResponse, Model
from kserve.model import InferenceVerb
from numpy.typing import NDArray

from serinus.predictor.bins import BinCounter
from serinus.predictor.decoding import Batch
from serinus.predictor.errors import InputRejected, ModelFailed
from serinus.predictor.identity import COPY, REQUEST_ID, Identity, identity_of
from serinus.predictor.loading import LoadedModel
from serinus.predictor.prediction_log import PredictionLog
from serinus.predictor.tensors import columns_of, metadata, output_of

logger = logging.getLogger("serinus.predictor")

# Different messages that are logged; a model whose messages hold row values must not fill the disk.
MAX_LOGGED = 100

Answer = tuple[Any, dict[str, str]]


class SklearnModel(Model):  # type: ignore[misc]
    """Decodes, predicts, counts and encodes in a worker thread, so that the event loop always answers probes."""

    def __init__(
        self, name: str, revision: str, loaded: LoadedModel, bins: BinCounter, pool: ThreadPoolExecutor,
        *, log: PredictionLog | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name)
        self._revision = revision
        self._loaded = loaded
        self._bins = bins
        self._pool = pool
        self._log = log
        self._logged: set[str] = set()
        self.ready = True

    async def __call__(
        self, body: Any, headers: dict[str, str] | None = None, verb: InferenceVerb = InferenceVerb.PREDICT
    ) -> Answer:
        """Answer one request: bytes for V1, an InferResponse for V2. Raises InputRejected, ModelFailed.

        Replaces Model's preprocess/predict/postprocess chain and its three unlabelled histograms.
        """
        if verb != InferenceVerb.PREDICT:
            raise NotImplementedError("this server predicts; it does not explain")
        handle = self._v2 if isinstance(body, InferRequest) else self._v1
        return await asyncio.get_running_loop().run_in_executor(self._pool, handle, body, headers or {})

    def get_input_types(self) -> list[dict[str, Any]]:
        """The columns, for `GET /v2/models/NAME`."""
        return metadata(self._loaded.columns)

    def get_output_types(self) -> list[dict[str, Any]]:
        """The prediction, for `GET /v2/models/NAME`."""
        datatype = "FP64" if self._loaded.method == "predict_proba" else self._datatype
        return [{"name": self._loaded.method, "datatype": datatype, "shape": [-1]}]

    @property
    def _datatype(self) -> str:
        datatype: str = output_of("", self._loaded.predict(self._loaded.decoder.rows([self._loaded.example]))).datatype
        return datatype

    def _v1(self, body: Any, headers: dict[str, str]) -> Answer:
        # Bytes, because KServe would otherwise encode with a class that warns of its deprecation at every request.
        identity = identity_of(headers)
        batch = self._loaded.decoder.rows(_instances(body))
        predictions = self._predict(batch) if _is_copy(headers) else self._told(identity, batch)
        content = orjson.dumps({"predictions": predictions.tolist()})
        return content, {"content-type": "application/json", REQUEST_ID: identity.request_id}

    def _v2(self, request: Any, headers: dict[str, str]) -> Answer:
        decoder, identity = self._loaded.decoder, identity_of(headers, request.id)
        batch = decoder.columns(columns_of(request.inputs, decoder.names))
        predictions = self._predict(batch) if _is_copy(headers) else self._told(identity, batch)
        response = InferResponse(
            # Optional in a request, but KServe answers 500 to its own response without one.
            response_id=request.id or identity.request_id,
            model_name=self.name,
            model_version=self._revision,
            infer_outputs=[output_of(self._loaded.method, predictions)],
            use_binary_outputs=request.use_binary_outputs,
            requested_outputs=request.request_outputs,
        )
        return response, {REQUEST_ID: identity.request_id}

    def _told(self, identity: Identity, batch: Batch) -> NDArray[Any]:
        """Predict for a client: into the counters, and into the log if there is one."""
        predictions = None
        try:
            predictions = self._predict(batch)
        finally:
            self._bins.observe(batch, predictions)
        if self._log is not None:
            self._log.add(identity, batch, predictions)
        return predictions

    def _predict(self, batch: Batch) -> NDArray[Any]:
        try:
            return self._loaded.predict(batch)
        except Exception as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> ModelFailed:
        """What the client is told; logged once per distinct message."""
        first_line = (str(error).strip() or "no message").splitlines()[0][:300]
        cause = first_line if isinstance(error, ModelFailed) else f"{type(error).__name__}: {first_line}"
        message = f'model "{self.name}" (revision {self._revision}) failed on valid input: {cause}'
        if message not in self._logged and len(self._logged) < MAX_LOGGED:
            self._logged.add(message)
            logger.error("%s (logged once)", message)
        return ModelFailed(message)


def _instances(body: Any) -> object:
    """The "instances" of a V1 body, which arrives as bytes if its content type is not one that KServe decodes."""
    if isinstance(body, bytes):
        try:
            body = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise InputRejected(f"the body is not JSON: {error}") from None
    if not isinstance(body, dict) or "instances" not in body:
        raise InputRejected('the body is not an object with "instances"; send {"instances": [{column: value}]}')
    return body["instances"]


def _is_copy(headers: dict[str, str]) -> bool:
    return headers.get(COPY) == "1"
