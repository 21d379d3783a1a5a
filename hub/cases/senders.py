"""Whence a report came, as two marks that only tell whether another came from the same.

Neither device nor address is kept as it is: a mark is made with the key of contacts, which
lies apart from the database, and is deleted after a time.
"""

import ipaddress
from typing import TYPE_CHECKING

from msgspec import Struct
from sqlalchemy import Connection, insert

from hub.cases.tables import CaseSender

if TYPE_CHECKING:
    from hub.cases.vault import Vault

DEVICE, ADDRESS = "device", "address"


class Marks(Struct, frozen=True):
    """Of a sender; "" where it is not known."""

    device: str = ""
    address: str = ""


def marks(vault: "Vault", device: str, address: str) -> Marks:
    """Of a device (what its cookie says) and an IP address; of IPv6 the network of a home."""
    return Marks(
        vault.derive(f"sender:{DEVICE}:{device}") if device else "",
        vault.derive(f"sender:{ADDRESS}:{_network(address)}") if address else "",
    )


def remember(connection: Connection, case_id: str, sender: Marks, now: int) -> None:
    """Keep whence a report came, in the transaction that keeps the report."""
    if sender.device or sender.address:
        row = {"case": case_id, "device": sender.device, "address": sender.address, "at": now}
        connection.execute(insert(CaseSender).values(row))


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network(f"{found}/64", strict=False))
