"""What invented customers and staff write, in both languages."""

from typing import Final

from app.domain.service import InteractionKind, TicketCategory

# Subject, what the customer writes, what the bank answers.
Words = tuple[str, str, str]

TICKETS: Final[dict[str, dict[TicketCategory, Words]]] = {
    "zh": {
        TicketCategory.CURRENT_ACCOUNT: (
            "账户明细与实际不符",
            "本月明细里有一笔支出我不认得,请核实。",
            "已核实,该笔为水电费代扣。"
        ),
        TicketCategory.SAVINGS_ACCOUNT: (
            "储蓄利息计算疑问",
            "上季度的利息比我算的少,请说明计算方法。",
            "利息按日均余额计算,明细已附上。"
        ),
        TicketCategory.TIME_DEPOSIT: (
            "定期存款提前支取", "我想提前支取定期存款,利息怎么算?", "提前支取部分按活期利率计息。"
        ),
        TicketCategory.CREDIT_CARD: (
            "银行卡被吞", "自动取款机没有退卡,请尽快处理。", "卡片已取回,请带证件到网点领取。"
        ),
        TicketCategory.LOAN: (
            "贷款还款日变更", "发薪日变了,能否调整还款日?", "还款日已调整,下月生效。"
        ),
        TicketCategory.PAYMENT: (
            "转账未到账", "昨天的转账对方还没有收到。", "对方银行已入账,请再核对。"
        ),
        TicketCategory.CHEQUE_CASHING: (
            "支票兑付", "支票交了三天还没有兑付。", "支票已兑付,款项已入账。"
        ),
        TicketCategory.OTHER: (
            "修改预留信息", "我搬家了,需要更新地址。", "地址已更新。"
        ),
    },
    "en": {
        TicketCategory.CURRENT_ACCOUNT: (
            "A payment I do not recognise",
            "There is a payment on my statement that I do not recognise. Please check it.",
            "We checked it: it is the direct debit of your electricity supplier.",
        ),
        TicketCategory.SAVINGS_ACCOUNT: (
            "Interest on savings",
            "The interest of last quarter is less than I expected. How is it calculated?",
            "Interest follows the daily balance; the calculation is attached.",
        ),
        TicketCategory.TIME_DEPOSIT: (
            "Ending a time deposit early",
            "I need the money of my time deposit before it matures. What does that cost?",
            "What you take out early earns the rate of a demand account instead.",
        ),
        TicketCategory.CREDIT_CARD: (
            "Cash machine kept my card",
            "The machine did not give my card back. Please help.",
            "The card is at your branch; please bring a document with your photograph.",
        ),
        TicketCategory.LOAN: (
            "Another day for my instalments",
            "I am paid later in the month now. Can the instalment be moved?",
            "The due day has been moved from next month on.",
        ),
        TicketCategory.PAYMENT: (
            "Transfer has not arrived",
            "The money I sent yesterday has not arrived.",
            "The other bank has confirmed the booking; please ask there again.",
        ),
        TicketCategory.CHEQUE_CASHING: (
            "Cheque not paid yet",
            "I handed in a cheque three days ago and it is not paid yet.",
            "The cheque has been paid to your account.",
        ),
        TicketCategory.OTHER: (
            "New address", "I have moved. Please update my address.", "Your address is updated."
        ),
    },
}  # fmt: skip

# Notes that only staff read.
COMMENTS: Final[dict[str, tuple[str, ...]]] = {
    "zh": ("客户情绪较急,请优先。", "已电话联系客户。", "需后台核对凭证。"),
    "en": (
        "Customer is in a hurry, please take this first.",
        "Called the customer back.",
        "Back office has to look at the voucher.",
    ),
}

INTERACTIONS: Final[dict[str, dict[InteractionKind, tuple[str, ...]]]] = {
    "zh": {
        InteractionKind.VISIT: ("到网点办理业务。", "咨询理财产品。", "领取新卡。"),
        InteractionKind.MESSAGE: ("询问贷款利率。", "请寄送对账单。", "感谢客户经理的帮助。"),
        InteractionKind.REVIEW: ("服务热情,效率高。", "排队时间太长。", "手机银行很好用。"),
    },
    "en": {
        InteractionKind.VISIT: (
            "Came in about a standing order.", "Asked about funds.", "Collected a new card."
        ),
        InteractionKind.MESSAGE: (
            "Asks for the rates of car loans.", "Wants a statement by post.", "Thanks the adviser."
        ),
        InteractionKind.REVIEW: (
            "Friendly and quick.", "The queue was far too long.", "The app does what it should."
        ),
    },
}  # fmt: skip
