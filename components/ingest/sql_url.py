"""The address of a database: with the secrets of the environment to connect by, and without them to tell."""

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from serinus.core.errors import DataInvalid, TrainingFailed
from serinus.training.sources import SqlSource

if TYPE_CHECKING:
    from sqlalchemy import URL

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SECRET_OPTION = re.compile("pass|secret|token|key")


def url_of(source: SqlSource) -> "URL":
    """The source's URL with each ${NAME} replaced. Raises TrainingFailed where the environment lacks one."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    missing = sorted({name for name in VARIABLE.findall(source.url) if name not in os.environ})
    if missing:
        raise TrainingFailed(
            f"source.url names {', '.join(missing)}, which the environment does not have; set it, in a cluster from a secret"
        )
    try:
        return make_url(_filled_in(source.url))
    except (ArgumentError, ValueError):  # the cause would show the password
        raise DataInvalid(
            "source.url is not an SQLAlchemy URL; write it as postgresql+psycopg://user:${PASSWORD}@host:5432/database"
        ) from None


def told(url: "URL") -> str:
    """The database that `url` names, without user, password and options."""
    port = f":{url.port}" if url.port else ""
    return f"{url.drivername}://{url.host or ''}{port}/{url.database or ''}"


def without_secrets(text: str, url: "URL") -> str:
    """`text` without the password of `url`, nor any option of it that is one."""
    options = (str(value) for name, value in url.query.items() if SECRET_OPTION.search(name.lower()))
    for secret in filter(None, [str(url.password or ""), *options]):
        text = text.replace(secret, "***")
    return text


def _filled_in(template: str) -> str:
    """`template` with the values of its variables; a user or password may hold any character."""
    user, at, rest = template.rpartition("@")
    return (
        VARIABLE.sub(lambda found: quote(os.environ[found[1]], safe=""), user)
        + at
        + VARIABLE.sub(lambda found: os.environ[found[1]], rest)
    )
