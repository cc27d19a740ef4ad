"""The fleet: many bridges that ship their journals to one PostgreSQL database."""

from hubv1.fleet.outbox import Outbox
from hubv1.fleet.postgres import FleetDatabase, check_fleet_url
from hubv1.fleet.shipper import Shipper, ShippingStatus, reason_of

__all__ = [
    "FleetDatabase",
    "Outbox",
    "Shipper",
    "ShippingStatus",
    "check_fleet_url",
    "reason_of",
]
