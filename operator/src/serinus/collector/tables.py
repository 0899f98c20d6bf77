"""The database's tables, the same for SQLite and PostgreSQL. Times are microseconds since 1970, in UTC."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION: Final = 1

metadata = MetaData()

# One row: the schema's version, and who writes files of the log, so that two databases never overwrite each other's.
meta = Table(
    "serinus_meta",
    metadata,
    Column("version", Integer, nullable=False),
    Column("writer", String(16), nullable=False),
)

deployments = Table(
    "serinus_deployment",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(320), nullable=False, unique=True),
)

revisions = Table(
    "serinus_revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("deployment_id", ForeignKey(deployments.c.id), nullable=False),
    Column("name", String(256), nullable=False),
    Column("version", Text, nullable=False),
    Column("model", Text, nullable=False),
    UniqueConstraint("deployment_id", "name"),
)

# A file of the log. What is in it lags behind while `written` is below `changed`; `appended`: rows have been added since.
files = Table(
    "serinus_file",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("deployment_id", ForeignKey(deployments.c.id), nullable=False),
    Column("day", Integer, nullable=False),  # since 1970
    Column("rows", Integer, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("appended", BigInteger, nullable=False),
    Column("written", BigInteger, nullable=False),
)

# A row that was asked about: its features, its label, the file that holds it. `revision_id` answered the client; none has
# where only copies have come so far. `draw`: see sampling. Nothing checks the ids of other tables in this one and in the next:
# SQLite never does, in PostgreSQL it costs more than all the rest of an insert, and the one writer gives these ids itself.
rows = Table(
    "serinus_row",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("deployment_id", Integer, nullable=False),
    Column("request_id", String(256), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("draw", BigInteger, nullable=False),
    Column("features", Text, nullable=False),
    Column("revision_id", Integer),
    Column("file_id", Integer),
    Column("label", Float(53)),
    Column("label_time", BigInteger),
    Column("label_at", BigInteger),  # when it came here
    Column("late", Boolean, nullable=False),
    UniqueConstraint("deployment_id", "request_id"),
    Index("serinus_row_of_file", "file_id"),
)
# For who retires rows without a file, which are few. An index of all rows by deployment and time would cost each of them, and
# PostgreSQL looks for request ids in it as long as it has no statistics.
HAS_NO_FILE: Final = rows.c.file_id.is_(None)
Index("serinus_row_without_file", rows.c.time, postgresql_where=HAS_NO_FILE, sqlite_where=HAS_NO_FILE)

# What a revision answered to a row. `value` is a number; a class without one is in `text`. `time` is the row's.
predictions = Table(
    "serinus_prediction",
    metadata,
    Column("row_id", BigInteger, primary_key=True, autoincrement=False),
    Column("revision_id", Integer, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),
    Column("value", Float(53)),
    Column("text", Text),
    Column("is_copy", Boolean, nullable=False),
    Index("serinus_prediction_by_time", "revision_id", "time"),
    sqlite_with_rowid=False,
)

# Labels that came before their prediction.
orphans = Table(
    "serinus_orphan",
    metadata,
    Column("deployment_id", ForeignKey(deployments.c.id), primary_key=True, autoincrement=False),
    Column("request_id", String(256), primary_key=True),
    Column("label", Float(53), nullable=False),
    Column("label_time", BigInteger),
    Column("label_at", BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)

# Requests or responses of KServe's logger whose other half has not come yet.
halves = Table(
    "serinus_half",
    metadata,
    Column("deployment_id", ForeignKey(deployments.c.id), primary_key=True, autoincrement=False),
    Column("revision", String(256), primary_key=True),
    Column("event_id", String(256), primary_key=True),
    Column("request_id", String(256), nullable=False),
    Column("is_response", Boolean, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("arrived", BigInteger, nullable=False, index=True),
)
