"""Where training rows come from: the `source` of a training file."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from serinus.core.model import Frozen

ALLOWED_FUNCTIONS = ("serinus.training.flights:load",)


def _allowed_function(value: str) -> str:
    if value not in ALLOWED_FUNCTIONS:
        raise ValueError(f'"{value}" may not be called as a source; use one of {", ".join(ALLOWED_FUNCTIONS)}')
    return value


FunctionPath = Annotated[str, AfterValidator(_allowed_function)]


class FileSource(Frozen):
    """Files of rows: a file, a folder or a pattern, here or at an address fsspec knows (s3://, gs://, https://).

    A relative path is relative to the training file.
    """

    type: Literal["csv", "parquet"]
    path: str = Field(min_length=1)


class SqlSource(Frozen):
    """The answer of one query. `url` is SQLAlchemy's; ${NAME} in it stands for an environment variable."""

    type: Literal["sql"]
    url: str = Field(min_length=1)
    query: str = Field(min_length=1)


class PredictionLogSource(Frozen):
    """The collector's log: Parquet partitions by day, each row a request with the label it met."""

    type: Literal["predictionLog"]
    path: str = Field(min_length=1)


class FunctionSource(Frozen):
    """A function `module:name` that returns a data frame."""

    type: Literal["python"]
    function: FunctionPath


Source = Annotated[FileSource | SqlSource | PredictionLogSource | FunctionSource, Field(discriminator="type")]
