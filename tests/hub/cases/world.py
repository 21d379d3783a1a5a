"""A site whose residents report, with a store of its own."""

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from configs.residents import Residents
from configs.site import Place, Site, SiteFile
from configs.values import Text
from hub.cases import receive
from hub.cases.receive import NewReport, Received
from hub.cases.tables import Case
from hub.cases.vault import Vault
from tests.hub.chain import open_database

MONDAY_10 = 1_763_949_600_000
"""2025-11-24 10:00 in Shanghai."""
HOUR = 3_600_000
SITE = SiteFile(
    site=Site(id="garden", name=Text("Garden", "花园"), timezone="Asia/Shanghai", country="CN"),
    nodes=(),
    places=(
        Place(id="gate", name=Text("Gate", "大门")),
        Place(id="shed", name=Text("Shed", "车棚")),
    ),
    residents=Residents(spam=("casino",)),
)


class Office:
    """Where reports come in."""

    def __init__(self, folder: Path) -> None:
        self.data = folder
        self.engine = open_database(folder)
        self.vault = Vault(folder)

    def report(
        self, text: str = "A car stands in the fire lane", *, now: int = MONDAY_10,
        kind: str = "fire-lane", place: str = "gate", contact: str = "", request_key: str = "",
        photos: tuple[bytes, ...] = (), spot: str = "",
    ) -> Received:  # fmt: skip
        told = NewReport(kind=kind, text=text, place=place, contact=contact, spot=spot,
                         request_key=request_key, photos=photos)  # fmt: skip
        return receive.receive(self.engine, SITE, told, vault=self.vault, data=self.data, now=now)

    def case(self, case_id: str) -> Case:
        with Session(self.engine) as session:
            found = session.scalars(select(Case).where(Case.id == case_id)).one()
            session.expunge(found)
            return found
