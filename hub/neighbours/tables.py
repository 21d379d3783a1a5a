"""The tables of residents' accounts. Who somebody is stands here alone; elsewhere, the log
included, there is a number, so that deleting the account leaves nobody's name behind."""

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.state.tables import Base, BigId


class Resident(Base):
    """Somebody who lives here and wants an account."""

    __tablename__ = "resident"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    """As they write it; a nickname will do."""
    name_key: Mapped[str] = mapped_column(String(160), unique=True)
    """The same for names that look the same: NFKC, case folded."""
    password_hash: Mapped[str] = mapped_column(String(200))
    session_key: Mapped[str] = mapped_column(String(32))
    """Part of every session; a new one ends them all."""
    contact: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    """Telephone or e-mail, sealed by `hub.cases.vault`; empty where none was given."""
    created_at: Mapped[int]
    seen_at: Mapped[int] = mapped_column(index=True)
    """To the day: an account that nobody uses is deleted after its time."""

    # A number that was somebody's is never somebody else's: the log speaks of it.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it


class ResidentReport(Base):
    """A report that was sent from an account."""

    __tablename__ = "resident_report"

    resident: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    token: Mapped[bytes] = mapped_column(LargeBinary)
    """Of the link that leads to it, sealed."""
    at: Mapped[int]
