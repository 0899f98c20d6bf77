"""Lua as Argo CD runs it: version 5.1 with the base and table libraries, and of `os` only the time."""

from typing import Any

from lupa import lua51

FORBIDDEN = ("string", "math", "io", "coroutine", "debug", "dofile", "loadfile", "require", "package")
FORGET = (
    "for _, name in ipairs(forbidden) do _G[name] = nil end; os = {time = os.time, date = os.date}; "
    "getmetatable('').__index = nil"
)


def run(script: str, obj: dict[str, Any]) -> Any:
    """What the script returns for the object, as Python values; an empty table is an empty map."""
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False, attribute_filter=_nothing)
    lua.globals().forbidden = lua.table_from(FORBIDDEN)
    lua.execute(FORGET)
    lua.globals().obj = _table(lua, obj)
    return _python(lua.execute(script))


def _nothing(obj: object, name: object, setting: bool) -> object:
    raise AttributeError(name)


def _table(lua: lua51.LuaRuntime, value: Any) -> Any:
    match value:
        case dict():
            return lua.table_from({key: _table(lua, one) for key, one in value.items()})
        case list():
            return lua.table_from([_table(lua, one) for one in value])
        case _:
            return value


def _python(value: Any) -> Any:
    if lua51.lua_type(value) != "table":
        return value
    items = {key: _python(one) for key, one in value.items()}
    is_list = bool(items) and list(items) == list(range(1, len(items) + 1))
    return list(items.values()) if is_list else items
