"""The bank's business date as SQL, for fields that are taken at it."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy import ColumnElement

from app.db import tables


def business_date(_table: object = None) -> ColumnElement[date]:
    """Give the business date as an expression that any statement may hold."""
    return sa.select(tables.BusinessDate.__table__.c.current_on).scalar_subquery()  # type: ignore[attr-defined]
