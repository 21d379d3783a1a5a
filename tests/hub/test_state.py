"""Where the state store is, and what is said where it cannot be used."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, text

from hub.state import store


def test_without_an_address_it_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    url = store.address("", tmp_path)
    assert (url.get_backend_name(), url.database) == ("sqlite", str(tmp_path / "state.db"))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgresql_address_names_no_driver(tmp_path: Path, scheme: str) -> None:
    url = store.address(f"{scheme}://linli@db.example:5433/linli", tmp_path)
    assert url.drivername == "postgresql+psycopg"
    assert (url.host, url.port, url.database) == ("db.example", 5433, "linli")


def test_what_is_no_address_is_refused_with_an_example(tmp_path: Path) -> None:
    with pytest.raises(store.StateError, match="write postgresql://user@host/database"):
        store.address("the blue one", tmp_path)


@pytest.mark.parametrize("address", ["mysql+mysqldb://linli@db/linli", "bluebase://db/linli"])
def test_a_database_without_a_driver_says_what_to_install(address: str) -> None:
    with pytest.raises(store.StateError, match=r"pip install 'linli\[postgres\]'"):
        store.connect(make_url(address))


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    engine = store.connect(make_url("postgresql+psycopg://linli:secret@127.0.0.1:1/linli"))
    with pytest.raises(store.StateError) as refused:
        store.migrate(engine)
    engine.dispose()
    assert "127.0.0.1:1" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_migrations_are_one_chain() -> None:
    (_head,) = ScriptDirectory(str(store.MIGRATIONS)).get_heads()


def test_what_is_deleted_is_overwritten_in_the_file(tmp_path: Path) -> None:
    engine = store.connect(store.address("", tmp_path))
    words = "A car of house 7 stands in the fire lane. " * 200  # over several pages of the file
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE said (words TEXT)"))
        connection.execute(text("INSERT INTO said VALUES (:words)"), {"words": words})
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM said"))
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("state.db*"))
    assert len(kept) > len(words)
    assert b"house 7" not in kept
