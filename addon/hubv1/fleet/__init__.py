"""The fleet: many bridges that ship their journals to one PostgreSQL database."""

from hubv1.fleet.postgres import check_fleet_url
from hubv1.fleet.shipper import Shipper, ShippingStatus

__all__ = ["Shipper", "ShippingStatus", "check_fleet_url"]
