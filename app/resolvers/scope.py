"""Which customers a viewer may come to.

Customers come to themselves only, and posts without customer data come to nobody. The finer
scopes of the other posts are not drawn yet: they see every customer.
"""

from typing import Final
from uuid import UUID

from app.auth.permissions import Role
from app.auth.viewer import Viewer

_WITHOUT_CUSTOMERS: Final = frozenset({Role.ADMIN, Role.EXECUTIVE})


def sees(viewer: Viewer, customer_id: UUID) -> bool:
    """Tell whether the viewer may see what this customer owns."""
    if viewer.role is Role.CUSTOMER:
        return viewer.customer_id == customer_id
    return viewer.role not in _WITHOUT_CUSTOMERS
