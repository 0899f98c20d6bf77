"""Which model is released."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from serinus.core.model import Frozen
from serinus.core.spec.fields import Check, VersionText, matching, refusal

RESERVED_ALIAS = "latest|v[0-9]+"


def _not_reserved(alias: str) -> str:
    if re.fullmatch(RESERVED_ALIAS, alias, re.IGNORECASE):
        raise ValueError(f"{alias} is a name that MLflow keeps for itself; choose another alias, as in champion")
    return alias


Alias = Annotated[
    str,
    *matching("[-A-Za-z0-9_]+", 255, "use letters, digits, - and _, as in champion"),
    AfterValidator(_not_reserved),
    Check("not reserved", RESERVED_ALIAS),
]
ModelName = Annotated[
    str,
    *matching(r"[^./:\x00-\x1f][^/:\x00-\x1f]*", 250, "write the registered name, without / and : and no dot in front"),
]
Uri = Annotated[str, *matching(r"[a-z][a-z0-9+.-]*:/[!-~]+", 2048, "write a whole address, as in s3://bucket/model")]


class ModelSource(Frozen):
    """A name, and exactly one of version, alias and uri."""

    name: ModelName = Field(description="Name of the registered model in MLflow.")
    version: VersionText | None = Field(default=None, description="The registered version to serve, as in 7.")
    alias: Alias | None = Field(
        default=None, description="Serve whatever version this registry alias points at, and follow it when it moves."
    )
    uri: Uri | None = Field(
        default=None, description="Where the model is stored, as in s3://bucket/model, when no registry is used."
    )
    promote_alias: Alias | None = Field(
        default=None,
        description="Registry alias that is moved to the version once it is promoted, as in champion. "
        "None is moved by default.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("version", "alias", "uri") if getattr(self, name) is not None]
        if not given:
            raise refusal("nothing says which version to serve; give one of version, alias or uri")
        if len(given) > 1:
            raise refusal(f"{given[0]} and {given[1]} are both given; keep exactly one of them", given[1])
        return self

    @model_validator(mode="after")
    def _alias_moves_forward(self) -> Self:
        if self.promote_alias is None:
            return self
        if self.promote_alias == self.alias:
            raise refusal(
                f"promoteAlias {self.alias} is also the alias that is followed, so a promotion would start the next "
                "rollout; use two different aliases, as in challenger and champion",
                "promoteAlias",
            )
        if self.uri is not None:
            raise refusal(
                "promoteAlias needs a registered version, and uri names none; remove it, or give version or alias",
                "promoteAlias",
            )
        return self
