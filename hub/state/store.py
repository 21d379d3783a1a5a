"""Opens the state store: engine, pragmas, schema."""

from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_MS: Final = 30_000
"""How long a transaction waits for its turn to write. SQLite lets nobody queue: where fifty send
at once to a slow disk, some wait for long. Lower: they fail sooner."""


class StateError(Exception):
    """The state store cannot be used; the text says which and what to do."""


def address(state_url: str, data: Path) -> URL:
    """The store's address: as configured, or SQLite in the data folder. Raises `StateError`."""
    if not state_url:
        return URL.create("sqlite", database=str(data / "state.db"))
    try:
        url = make_url(state_url)
    except SQLAlchemyError as error:
        raise StateError(
            "state_url is no address of a database; write postgresql://user@host/database"
        ) from error
    plain = url.drivername in ("postgres", "postgresql")
    return url.set(drivername="postgresql+psycopg") if plain else url


def connect(url: URL) -> Engine:
    """An engine whose SQLite files survive a power cut and let readers read while it writes.

    Raises `StateError` where its driver is not installed.
    """
    try:
        engine = create_engine(url, pool_pre_ping=url.get_backend_name() != "sqlite")
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise StateError(
            f"cannot speak to a {url.get_backend_name()} database ({error}); for PostgreSQL, "
            "pip install 'linli[postgres]'"
        ) from error
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin_at_once)
    return engine


def _set_pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are ours to begin, see _begin_at_once
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL: a commit is on the disk before the broker is told that we have the records.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    # What residents have deleted is overwritten, not left in free pages of the file.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _begin_at_once(connection: Any) -> None:
    # A transaction that reads first and writes later would fail with SQLITE_BUSY when
    # another process wrote in between; taking the write lock first waits instead. Readers
    # that mean to stay readers say so.
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def reading(engine: Engine) -> Engine:
    """The same store for transactions that only read: they never wait for a writer."""
    return engine.execution_options(read_only=True)


def migrate(engine: Engine) -> None:
    """Bring the schema to this version; raises `StateError`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        raise StateError(
            f"cannot open the state store {engine.url.render_as_string(hide_password=True)}: "
            f"{reason}; check state_url, and that the folder exists and is writable"
        ) from error
