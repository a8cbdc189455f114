"""Refusals of the bank's rules: every code of the API with its sentences, in one place."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from app.domain.closed_set import ClosedSet


class Language(ClosedSet):
    """A language that the API speaks."""

    EN = "EN", "English."
    ZH = "ZH", "Chinese."


@dataclass(frozen=True)
class Sentences:
    """What a code says, and what to do about it, in both languages; a hint may be missing."""

    message: str
    message_zh: str
    hint: str | None = None
    hint_zh: str | None = None


class ProblemCode(StrEnum):
    """Why a command was refused; a state of affairs, not a fault of the API."""

    sentences: Sentences
    description: str

    def __new__(cls, value: str, *sentences: str) -> Self:
        """Make the member of its value, its sentence in English and Chinese, and the hints."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentences = Sentences(*sentences)
        member.description = sentences[0]
        return member

    # fmt: off
    ACCOUNT_CLOSED = (
        "ACCOUNT_CLOSED", "The account is closed.", "该账户已销户。",
    )
    ACCOUNT_FROZEN = (
        "ACCOUNT_FROZEN", "Money may not leave this account: it is frozen.",
        "该账户已冻结,资金不得转出。", "The branch that keeps the account knows why.",
        "请向开户网点了解原因。",
    )
    ACCOUNT_IN_USE = (
        "ACCOUNT_IN_USE", "Something still depends on this account.", "该账户仍有关联业务。",
        "First end its standing orders, cards, holds, and time deposits that pay out to it.",
        "请先终止该账户的定期转账、卡、冻结以及以其为结算账户的定期存款。",
    )
    ACCOUNT_NOT_FITTING = (
        "ACCOUNT_NOT_FITTING", "Accounts of this kind do not take this business.",
        "此类账户不能办理该业务。",
        "Use a demand account; a time deposit pays out to one, whole or in part.",
        "请使用活期账户;定期存款可全部或部分转入活期账户。",
    )
    ALREADY_REGISTERED = (
        "ALREADY_REGISTERED", "A customer with this identity is registered already.",
        "该身份的客户已经登记。",
        "Look the customer up, or begin a service with the identity document.",
        "请按证件查询该客户,或凭证件开始服务。",
    )
    ALREADY_REVERSED = (
        "ALREADY_REVERSED", "This booking was reversed already.", "该笔交易已被冲正。",
    )
    BALANCE_LEFT = (
        "BALANCE_LEFT", "There is money on the account, or money is owed on it.",
        "该账户仍有余额或透支。", "Say which account the money goes to, or settle what is owed.",
        "请指定余额转入的账户,或先结清欠款。",
    )
    BELOW_MINIMUM = (
        "BELOW_MINIMUM", "That is less than this product asks for.", "低于该产品的最低金额。",
        "The product tells its `minimum`.", "请参见产品的最低金额(`minimum`)。",
    )
    BRANCH_MISSING = (
        "BRANCH_MISSING", "You work for no branch.", "您不属于任何网点。",
        "Say which branch the customer joins.", "请指定客户所属网点。",
    )
    CODES_NOT_SENT = (
        "CODES_NOT_SENT", "This bank sends no codes.", "本行目前不发送验证码。",
        "Sign in with a second factor, or order the transfer at a branch.",
        "请使用双因素登录,或到网点办理。",
    )
    CODE_NOT_NEEDED = (
        "CODE_NOT_NEEDED", "This transfer is not asked for a code.", "此笔转账无需验证码。",
    )
    CODE_SENT_ALREADY = (
        "CODE_SENT_ALREADY", "A code was sent for these requirements, or the transfer was ordered.",
        "已为此次转账发送验证码,或转账已提交。",
        "For another code, ask `transferRequirements` again.",
        "如需新的验证码,请重新查询 `transferRequirements`。",
    )
    CODE_VOID = (
        "CODE_VOID", "A wrong code was given too often: this one does not count any more.",
        "验证码错误次数过多,已失效。",
        "Ask `transferRequirements` again, and have a new code sent.",
        "请重新查询 `transferRequirements` 并获取新的验证码。",
    )
    CODE_WRONG = (
        "CODE_WRONG", "This is not the code that was sent.", "验证码不正确。",
        "Compare it with the message, and send the transfer with a new key.",
        "请与短信核对,并用新的幂等键提交转账。",
    )
    CONFIRMATION_NEEDED = (
        "CONFIRMATION_NEEDED", "This transfer must be confirmed by a code.",
        "此笔转账须使用验证码确认。",
        "Ask `transferRequirements` why, and have a code sent with its token.",
        "请通过 `transferRequirements` 查询原因,并用其令牌获取验证码。",
    )
    COOLING_OFF = (
        "COOLING_OFF", "This payee is new: the transfer must wait.",
        "该收款人为新收款人,此笔转账须等待。",
        "`transferRequirements` tells until when; order it again then, or come to a branch.",
        "`transferRequirements` 会告知等待时间;届时重新提交,或到网点办理。",
    )
    COUNTRY_NOT_SUPPORTED = (
        "COUNTRY_NOT_SUPPORTED", "Identity numbers of this country cannot be checked here.",
        "暂不支持校验该国家的身份证件号码。",
    )
    CURRENCY_NOT_MATCHING = (
        "CURRENCY_NOT_MATCHING", "The accounts and the amount are not all in one currency.",
        "账户与金额的币种不一致。",
        "Order the payment in the currency of both accounts; money is not exchanged here.",
        "请使用双方账户的币种;此处不办理兑换。",
    )
    CUSTOMER_IS_ONESELF = (
        "CUSTOMER_IS_ONESELF", "You are this customer: nobody serves oneself.",
        "您就是该客户,不能为自己办理业务。",
        "Ask a colleague, or use the bank as its customers do.",
        "请由同事办理,或以客户身份使用服务。",
    )
    CUSTOMER_NOT_ACTIVE = (
        "CUSTOMER_NOT_ACTIVE", "The customer is blocked, closed or erased.",
        "该客户已被冻结、销户或删除。",
    )
    EXPORT_TOO_LARGE = (
        "EXPORT_TOO_LARGE", "The customer has more data than one answer can hold.",
        "该客户的数据超出单次导出的上限。", "Ask the operator of the bank for it.",
        "请联系系统运维人员导出。",
    )
    HAS_BUSINESS = (
        "HAS_BUSINESS", "The customer still has business with the bank, or money is owed or owned.",
        "该客户仍有未结清的业务或余额。",
        "Close accounts, cards, loans, orders, holdings and tickets first.",
        "请先结清账户、卡、贷款、委托、持仓和工单。",
    )
    HOLDER_MAY_NOT = (
        "HOLDER_MAY_NOT",
        "Only the owner, or for payments a holder, of this account may order that.",
        "仅账户所有人(付款时含共同持有人)可以办理该业务。",
    )
    IDEMPOTENCY_KEY_REUSED = (
        "IDEMPOTENCY_KEY_REUSED", "This idempotency key was used for another command.",
        "该幂等键已用于另一条指令。", "Send a new command with a new key.",
        "请为新指令使用新的幂等键。",
    )
    IDENTITY_NOT_MATCHING = (
        "IDENTITY_NOT_MATCHING", "The identity number tells another date of birth or gender.",
        "身份证件号码与出生日期或性别不符。", "Compare both with the document.", "请与证件核对。",
    )
    INSUFFICIENT_FUNDS = (
        "INSUFFICIENT_FUNDS", "There is not enough money available.", "可用余额不足。",
        "`available` tells how much may leave: the balance less what is held.",
        "可用余额(`available`)为账户余额减去冻结金额。",
    )
    INVALID_ADDRESS = (
        "INVALID_ADDRESS", "This is not a postal address.", "地址无效。",
        "Give street, town and the country's two-letter code.", "请填写街道、城市和两位国家代码。",
    )
    INVALID_AMOUNT = (
        "INVALID_AMOUNT", "This is not an amount that can be booked.", "金额无效。",
        "Above zero, and with no more decimal places than the currency has.",
        "金额须大于零,且小数位数不超过该币种的最小单位。",
    )
    INVALID_BIRTH_DATE = (
        "INVALID_BIRTH_DATE", "This is not a date of birth that fits the customer.",
        "出生日期无效。",
    )
    INVALID_DATE = (
        "INVALID_DATE", "This day does not fit.", "日期无效。",
    )
    INVALID_EMAIL = (
        "INVALID_EMAIL", "This is not an e-mail address.", "电子邮件地址无效。",
    )
    INVALID_LANGUAGE = (
        "INVALID_LANGUAGE", "This is not a language tag.", "语言代码无效。",
        "Use BCP 47, such as `en` or `zh-CN`.", "请使用 BCP 47 代码,例如 `en` 或 `zh-CN`。",
    )
    INVALID_NAME = (
        "INVALID_NAME", "This is not a name.", "姓名无效。",
    )
    INVALID_NATIONAL_ID = (
        "INVALID_NATIONAL_ID", "This is not an identity number of that country.",
        "身份证件号码无效。", "Compare it with the document, digit by digit.", "请与证件逐位核对。",
    )
    INVALID_OCCUPATION = (
        "INVALID_OCCUPATION", "This is not an occupation.", "职业无效。",
    )
    INVALID_PAYEE = (
        "INVALID_PAYEE", "This is not a payee's name, account number or bank code.",
        "收款人名称、账号或银行代码无效。",
    )
    INVALID_PHONE = (
        "INVALID_PHONE", "This is not a telephone number.", "电话号码无效。",
        "Write it with the country's code, such as `+86 139 1234 5678`.",
        "请带国家代码填写,例如 `+86 139 1234 5678`。",
    )
    IN_PROGRESS = (
        "IN_PROGRESS", "The same command is being carried out.", "同一指令正在处理中。",
        "Send it again in a few seconds, with the same key.", "请几秒后用同一幂等键重试。",
    )
    LIMIT_EXCEEDED = (
        "LIMIT_EXCEEDED", "The amount is above the limit.", "金额超出限额。",
        "A branch can carry out what is above a customer's limit.",
        "超出客户限额的业务可在网点办理。",
    )
    NOTHING_TO_CHANGE = (
        "NOTHING_TO_CHANGE", "The command changes nothing.", "该指令没有任何变更。",
    )
    NOTHING_TO_REVEAL = (
        "NOTHING_TO_REVEAL", "Nothing is recorded there.", "该处没有记录。",
    )
    NOT_A_PERSON = (
        "NOT_A_PERSON", "Only a natural person has this.", "仅自然人具有此项信息。",
    )
    NOT_FOUND = (
        "NOT_FOUND", "There is none, or you may not see it.", "不存在,或您无权查看。",
    )
    NOT_MASKED = (
        "NOT_MASKED", "Your post is not shown this value masked: there is nothing to reveal.",
        "您的岗位看到的并非掩码值,无需显示。",
    )
    NOT_REVERSIBLE = (
        "NOT_REVERSIBLE", "This booking cannot be reversed.", "该笔交易不能冲正。",
        "Deposits, withdrawals and transfers can be, while the accounts are open.",
        "存款、取款和转账在相关账户未销户时可以冲正。",
    )
    PAYEE_KNOWN = (
        "PAYEE_KNOWN", "This payee is known already.", "该收款人已存在。",
    )
    PAYEE_UNKNOWN = (
        "PAYEE_UNKNOWN", "No account of this bank has that number and that name.",
        "本行没有与该账号和户名相符的账户。",
        "Compare both, letter by letter; for another bank, give its code.",
        "请逐字核对账号和户名;他行账户请填写银行代码。",
    )
    PHONE_MISSING = (
        "PHONE_MISSING", "The bank knows no telephone number to send a code to.",
        "本行没有可接收验证码的电话号码。", "Have it recorded at a branch.",
        "请到网点登记电话号码。",
    )
    PRODUCT_NOT_FITTING = (
        "PRODUCT_NOT_FITTING", "This product is not offered for that.", "该产品不适用于此业务。",
    )
    REASON_TOO_SHORT = (
        "REASON_TOO_SHORT", "Say in a sentence what it is for.", "请用一句话说明用途。",
    )
    REQUEST_DECIDED = (
        "REQUEST_DECIDED", "This request does not wait for anybody any more.",
        "该申请已不在待审状态。", "Read its state; ask anew if it is still wanted.",
        "请查看申请状态;如仍需办理,请重新提交。",
    )
    REQUEST_EXPIRED = (
        "REQUEST_EXPIRED", "Nobody approved this request in time.", "该申请已过有效期。",
        "Ask anew, with a new key.", "请用新的幂等键重新提交。",
    )
    REQUEST_IS_NOT_OWN = (
        "REQUEST_IS_NOT_OWN", "Somebody else asked for this.", "该申请由他人提交。",
        "Only who asked takes a request back; reject it instead.",
        "只有申请人可以撤回;您可以拒绝该申请。",
    )
    REQUEST_IS_OWN = (
        "REQUEST_IS_OWN",
        "You asked for this yourself: somebody else decides, whatever post you act in.",
        "该申请由您本人提交,无论以何岗位均须由他人复核。",
        "Ask a colleague to decide, or withdraw the request.", "请由同事复核,或撤回申请。",
    )
    REQUEST_STALE = (
        "REQUEST_STALE", "What this request would change has changed since it was asked.",
        "该申请所涉及的数据在提交后已发生变化。",
        "Compare the fresh differences; who asked may ask anew.",
        "请核对最新差异;申请人可以重新提交。",
    )
    REQUIREMENTS_EXPIRED = (
        "REQUIREMENTS_EXPIRED", "What was said about this transfer holds no longer.",
        "转账要求的有效期已过。", "Ask `transferRequirements` again.",
        "请重新查询 `transferRequirements`。",
    )
    REQUIREMENTS_INVALID = (
        "REQUIREMENTS_INVALID", "This is no token of `transferRequirements`.", "转账要求令牌无效。",
        "Send the token as it was given, letter by letter.", "请原样提交所获得的令牌。",
    )
    REQUIREMENTS_OF_ANOTHER_TRANSFER = (
        "REQUIREMENTS_OF_ANOTHER_TRANSFER", "The token was given for another transfer.",
        "该令牌属于另一笔转账。",
        "Account, payee, amount and currency must be those that were asked about.",
        "账户、收款人、金额和币种须与查询时一致。",
    )
    REQUIREMENTS_OF_SOMEBODY_ELSE = (
        "REQUIREMENTS_OF_SOMEBODY_ELSE",
        "The token was given to somebody else, or in another role.", "该令牌属于他人或其他岗位。",
    )
    REQUIREMENTS_USED = (
        "REQUIREMENTS_USED", "The token was used for a transfer already.", "该令牌已用于一笔转账。",
        "Ask `transferRequirements` again for another transfer like it.",
        "如需再次转账,请重新查询 `transferRequirements`。",
    )
    RETENTION_RUNS = (
        "RETENTION_RUNS", "The law demands that this customer's data is kept still.",
        "法定保存期限尚未届满。",
        "Data is kept for ten years after the last business; only a court order goes before that.",
        "客户资料须在业务关系结束后保存十年,法院命令除外。",
    )
    SAME_ACCOUNT = (
        "SAME_ACCOUNT", "Money would go back to where it comes from.", "付款账户与收款账户相同。",
    )
    SERVICE_ENDED = (
        "SERVICE_ENDED", "This service has ended already.", "该服务已经结束。",
    )
    SEVERAL_CUSTOMERS = (
        "SEVERAL_CUSTOMERS", "Several customers share this value.", "多位客户共用此信息。",
        "Find the customer by another value, such as the national id or an account number.",
        "请改用证件号码或账号查找该客户。",
    )
    STAFF_NOT_FITTING = (
        "STAFF_NOT_FITTING",
        "This member of staff does not hold that post, or works for another branch.",
        "该员工不具备此岗位,或属于其他网点。",
    )
    STALE_VERSION = (
        "STALE_VERSION", "Somebody else has changed it meanwhile.", "数据已被他人修改。",
        "Read it again, and send the command with its new version.",
        "请重新读取,并用新的版本号提交。",
    )
    TOO_MANY_CODES = (
        "TOO_MANY_CODES", "Too many codes were sent to you within an hour.",
        "一小时内向您发送的验证码过多。", "Wait, or order the transfer at a branch.",
        "请稍后再试,或到网点办理。",
    )
    TOO_MANY_SERVICES = (
        "TOO_MANY_SERVICES", "You began too many services within an hour.",
        "您一小时内开始的服务过多。",
        "Begin the next one later, with a new key, or let a colleague serve the customer.",
        "请稍后用新的幂等键开始,或请同事为客户服务。",
    )
    TRY_AGAIN = (
        "TRY_AGAIN", "Too many change the same thing at this moment.", "当前同时修改的人过多。",
        "Send it again, with the same key.", "请用同一幂等键重试。",
    )
    # fmt: on

    def message_in(self, language: Language) -> str:
        """Give the sentence."""
        zh = language is Language.ZH
        return self.sentences.message_zh if zh else self.sentences.message

    def hint_in(self, language: Language) -> str | None:
        """Give what to do about it, where there is something to do."""
        return self.sentences.hint_zh if language is Language.ZH else self.sentences.hint


class Problem(Exception):  # noqa: N818  # The API's own word.
    """A command is refused. ``field`` is the path of the input's field that is to blame."""

    def __init__(self, code: ProblemCode, field: str | None = None) -> None:
        """Take the code, and the input's field in the API's own spelling."""
        super().__init__(code)
        self.code = code
        self.field = field
