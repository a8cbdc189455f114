"""The tables, declared with SQLModel.

Every customer-owned table has ``customer_id`` first in its primary key, and every foreign key
between customer-owned tables carries it, so that all of a customer's rows can live on one shard.
Times are UTC. Columns named ``*_ciphertext`` hold values encrypted with the customer's key.
"""

from app.db.tables.account import (
    Account,
    AccountHold,
    AccountHolder,
    AccountNumberIndex,
    AccountProduct,
    Card,
    DailyOutgoing,
    HeldAccount,
    JournalEntry,
    Payee,
    Posting,
    StandingOrder,
)
from app.db.tables.approval import Approval
from app.db.tables.audit import (
    AuditHead,
    AuditLink,
    AuditPending,
    AuditRead,
    AuditRecord,
    IdempotencyKey,
)
from app.db.tables.bank import Branch, BusinessDate, KeyCheck, Staff, StaffQueue, StaffRole
from app.db.tables.customer import (
    Assignment,
    BegunService,
    Consent,
    ContactIndex,
    Customer,
    CustomerKey,
    CustomerNumber,
    NameIndex,
    NationalIdIndex,
    Relationship,
)
from app.db.tables.day import (
    BusinessDay,
    BusinessDayStep,
    InternalBalance,
    OrderPayment,
)
from app.db.tables.desk import (
    ServiceAgent,
    ServiceCalendar,
    ServiceHours,
    ServiceQueue,
    ServiceTarget,
    SpecialDay,
    StaffShift,
    StaffSkill,
)
from app.db.tables.loan import Instalment, Loan
from app.db.tables.promise import TransferPromise
from app.db.tables.service import (
    Interaction,
    Segment,
    SegmentMembership,
    Ticket,
    TicketComment,
    TicketEvent,
    TicketNumber,
)
from app.db.tables.wealth import Holding, HoldingLot, Product, ProductPrice

__all__ = [
    "Account",
    "AccountHold",
    "AccountHolder",
    "AccountNumberIndex",
    "AccountProduct",
    "Approval",
    "Assignment",
    "AuditHead",
    "AuditLink",
    "AuditPending",
    "AuditRead",
    "AuditRecord",
    "BegunService",
    "Branch",
    "BusinessDate",
    "BusinessDay",
    "BusinessDayStep",
    "Card",
    "Consent",
    "ContactIndex",
    "Customer",
    "CustomerKey",
    "CustomerNumber",
    "DailyOutgoing",
    "HeldAccount",
    "Holding",
    "HoldingLot",
    "IdempotencyKey",
    "Instalment",
    "Interaction",
    "InternalBalance",
    "JournalEntry",
    "KeyCheck",
    "Loan",
    "NameIndex",
    "NationalIdIndex",
    "OrderPayment",
    "Payee",
    "Posting",
    "Product",
    "ProductPrice",
    "Relationship",
    "Segment",
    "SegmentMembership",
    "ServiceAgent",
    "ServiceCalendar",
    "ServiceHours",
    "ServiceQueue",
    "ServiceTarget",
    "SpecialDay",
    "Staff",
    "StaffQueue",
    "StaffRole",
    "StaffShift",
    "StaffSkill",
    "StandingOrder",
    "Ticket",
    "TicketComment",
    "TicketEvent",
    "TicketNumber",
    "TransferPromise",
]
