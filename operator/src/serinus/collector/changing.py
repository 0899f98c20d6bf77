"""New values for many rows at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Connection, Table, bindparam, func, update


def change(connection: Connection, table: Table, names: Sequence[str], changed: Sequence[Mapping[str, Any]]) -> None:
    """Give each row of `table` whose `id` is in `changed` the values there of the columns `names`."""
    if connection.dialect.name == "postgresql":
        _in_one_statement(connection, table, names, changed)
        return
    statement = update(table).where(table.c.id == bindparam("row"))
    connection.execute(
        statement.values({name: bindparam(f"new_{name}") for name in names}),
        [{"row": one["id"], **{f"new_{name}": one[name] for name in names}} for one in changed],
    )


def _in_one_statement(
    connection: Connection, table: Table, names: Sequence[str], changed: Sequence[Mapping[str, Any]]
) -> None:
    """PostgreSQL plans a statement for longer than it needs to change a row."""
    lists = [
        bindparam(f"all_{name}", [one[name] for one in changed], ARRAY(table.c[name].type)) for name in ("id", *names)
    ]
    given = func.unnest(*lists).table_valued("id", *names, name="given").render_derived()
    values = {name: given.c[name] for name in names}
    connection.execute(update(table).where(table.c.id == given.c.id).values(values))
