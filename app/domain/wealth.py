"""Wealth products and what customers hold of them."""

from app.domain.closed_set import ClosedSet


class ProductKind(ClosedSet):
    """What a product is."""

    FUND = "FUND", "An investment fund."
    STOCK = "STOCK", "A listed share."
    DEPOSIT = "DEPOSIT", "A deposit product."
    LOAN = "LOAN", "A loan product."
    CARD = "CARD", "A payment card."


class RiskLevel(ClosedSet):
    """Risk level of a product, lowest first."""

    R1 = "R1", "Low risk."
    R2 = "R2", "Medium-low risk."
    R3 = "R3", "Medium risk."
    R4 = "R4", "Medium-high risk."
    R5 = "R5", "High risk."
