"""The fleet: many bridges that ship their journals to one PostgreSQL database."""

from hubv1.fleet.shipping import Shipping
from hubv1.fleet.standing import Standing

__all__ = ["Shipping", "Standing"]
