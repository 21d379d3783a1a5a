"""The table of anomalies and what staff said of them."""

from sqlalchemy import Double, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from hub.state.tables import Base


class Annotation(Base):
    """An anomaly that the hub told, with what it says of itself. Times are ms, event time."""

    __tablename__ = "annotation"

    site: Mapped[str] = mapped_column(String(63), primary_key=True)
    place: Mapped[str] = mapped_column(String(63), primary_key=True)
    what: Mapped[str] = mapped_column(String(20), primary_key=True)
    """The word after ``surprise.``."""
    start_ts: Mapped[int] = mapped_column(primary_key=True)
    """The end of its first unusual window."""
    end_ts: Mapped[int]
    hours: Mapped[int]
    """Of its worst window: 1 or 3 …"""
    hour_ts: Mapped[int]
    """… of which the last began then …"""
    of_week: Mapped[int]
    holiday: Mapped[bool]
    counted: Mapped[int]
    """… and held so many …"""
    mean: Mapped[float] = mapped_column(Double)
    """… where so many were expected."""
    spread: Mapped[float] = mapped_column(Double)
    surprise: Mapped[float] = mapped_column(Double)
    low: Mapped[int]
    high: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10), default="")
    """As `hub.analysis.anomaly.Kind` has it."""
    lasting: Mapped[bool] = mapped_column(default=False)
    """Whether the place has been in another state since, until ``end_ts`` at least."""
    verdict: Mapped[str] = mapped_column(String(10), default="")
    """confirmed, dismissed; "" while nobody has said."""
    verdict_by: Mapped[str] = mapped_column(String(80), default="")
    verdict_at: Mapped[int | None]
    """The console's clock."""
    learned: Mapped[bool] = mapped_column(default=True)
    """Whether the hub has taken the verdict in."""

    __table_args__ = (
        Index("annotation_time", "site", "end_ts"),
        Index("annotation_learned", "learned"),
    )
