"""Alembic's entry: runs on the connection that `hub.state.store.migrate` hands over."""

from alembic import context

from hub.analysis import tables as _analysis  # noqa: F401 - so that Base knows its tables
from hub.cases import tables as _cases  # noqa: F401 - so that Base knows its tables
from hub.neighbours import tables as _accounts  # noqa: F401 - so that Base knows its tables
from hub.notify import tables as _outbox  # noqa: F401 - so that Base knows its tables
from hub.patrols import tables as _walks  # noqa: F401 - so that Base knows its tables
from hub.state.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite alters a table by making it anew
)
with context.begin_transaction():
    context.run_migrations()
