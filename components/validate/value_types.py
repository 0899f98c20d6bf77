"""Whether the values of a column have the declared type, and which types they have instead."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd

from serinus.core.reference import FeatureType

BOOLEAN_TEXTS = ("true", "false", "True", "False", "TRUE", "FALSE")


def is_of_type(present: "pd.Series[Any]", kind: FeatureType) -> "pd.Series[bool]":
    """Per value whether it has the type `kind`; none may be missing. Infinities are numbers, whole floats integers."""
    return _CHECKS[kind](_plain(present))


def types_of(column: "pd.Series[Any]") -> str:
    """How many values have which type, most first, as in `399 number as text, 1 text`; empty where the dtype says it."""
    present = _plain(column.dropna())
    if present.dtype != object and not pd.api.types.is_string_dtype(present):
        return ""
    names = present.map(_type_name)
    texts = present[names == "text"]
    names[texts.index[_is_number(texts)]] = "number as text"
    names[texts.index[texts.isin(BOOLEAN_TEXTS)]] = "boolean as text"
    return ", ".join(f"{count} {name}" for name, count in names.value_counts().items())


def _type_name(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "boolean"
    if isinstance(value, int | float | np.number):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__


def _is_string(present: "pd.Series[Any]") -> "pd.Series[bool]":
    if pd.api.types.infer_dtype(present) in ("string", "empty"):  # in C: a loop over each value is for the exception
        return _flags(True, present)
    return _flags([isinstance(value, str) for value in present], present)


def _is_boolean(present: "pd.Series[Any]") -> "pd.Series[bool]":
    if pd.api.types.infer_dtype(present) in ("boolean", "empty"):
        return _flags(True, present)
    if pd.api.types.infer_dtype(present) == "string":
        return _unless_all_wrong(present.isin(BOOLEAN_TEXTS))
    return _flags([isinstance(value, bool | np.bool_) for value in present], present)


def _is_double(present: "pd.Series[Any]") -> "pd.Series[bool]":
    if pd.api.types.is_bool_dtype(present):
        return _flags(False, present)
    if pd.api.types.is_numeric_dtype(present):
        return _flags(True, present)
    return _flags(True, present) if not len(present) else _unless_all_wrong(_is_number(present.astype(str)))


def _is_integer(present: "pd.Series[Any]") -> "pd.Series[bool]":
    if not pd.api.types.is_float_dtype(present):
        return _is_double(present)
    numbers = present.to_numpy(dtype=float)
    return _flags(numbers == np.floor(numbers), present)


def _is_number(texts: "pd.Series[str]") -> "pd.Series[bool]":
    return pd.to_numeric(texts, errors="coerce").notna()


def _unless_all_wrong(reads_as: "pd.Series[bool]") -> "pd.Series[bool]":
    """One word makes text of a whole column: the words are the wrong values, or all values where there is no word."""
    return _flags(False, reads_as) if reads_as.all() else reads_as


def _plain(present: "pd.Series[Any]") -> "pd.Series[Any]":
    """Categories as the values they stand for."""
    if isinstance(present.dtype, pd.CategoricalDtype):
        return present.astype(present.cat.categories.dtype)
    return present


def _flags(values: Any, like: "pd.Series[Any]") -> "pd.Series[bool]":
    return cast("pd.Series[bool]", pd.Series(values, index=like.index, dtype=bool))


_CHECKS: dict[FeatureType, Callable[["pd.Series[Any]"], "pd.Series[bool]"]] = {
    "string": _is_string,
    "boolean": _is_boolean,
    "double": _is_double,
    "integer": _is_integer,
}
