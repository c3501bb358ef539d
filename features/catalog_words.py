"""The words of the catalogue in Chinese and English: units, families, directions, tiers, what a column does.

Shared by docs/features.md and `lianxin catalogue`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from features.columns import Kind, Tier
from features.feature import Family, Unit
from features.lineage import Role

Words = tuple[str, str]
"""Chinese, English."""

UNITS: Final[Mapping[Unit, Words]] = MappingProxyType(
    {
        Unit.COUNT: ("个数", "count"),
        Unit.CNY: ("元", "CNY"),
        Unit.RATIO: ("比值", "ratio"),
        Unit.DAYS: ("天", "days"),
        Unit.STARS: ("星", "stars"),
        Unit.MONTHS: ("月", "months"),
        Unit.POINTS: ("分", "points"),
    }
)
FAMILIES: Final[Mapping[Family, Words]] = MappingProxyType(
    {
        Family.VOLUME: ("规模", "volume"),
        Family.GROWTH: ("增长", "growth"),
        Family.REGULARITY: ("规律性", "regularity"),
        Family.CONCENTRATION: ("集中度", "concentration"),
        Family.CANCELLATION: ("取消", "cancellation"),
        Family.LATENESS: ("迟交", "lateness"),
        Family.QUALITY: ("质量", "quality"),
        Family.RATING: ("评价", "rating"),
        Family.RECEIVABLES: ("应收", "receivables"),
        Family.MARGIN: ("毛差", "margin"),
        Family.TENURE: ("资历", "tenure"),
        Family.AUTHENTICITY: ("真实性", "authenticity"),
        Family.INVENTORY: ("库存", "inventory"),
        Family.PRODUCTION: ("生产", "production"),
        Family.CERTIFICATES: ("资质", "certificates"),
        Family.COOPERATION: ("合作", "cooperation"),
        Family.NETWORK: ("买家网络", "network"),
    }
)
DIRECTIONS: Final[Mapping[int, Words]] = MappingProxyType({1: ("↑ 风险", "↑ risk"), -1: ("↓ 风险", "↓ risk"), 0: ("不作承诺", "none")})
TIERS: Final[Mapping[Tier, Words]] = MappingProxyType(
    {
        Tier.OPEN: ("公开：公共登记可查", "open: stands in public registers"),
        Tier.PLATFORM: ("平台：平台在业务中自然看到", "platform: what the platform sees in the course of its business"),
        Tier.CONSENT: ("同意：须供应商书面同意", "consent: needs the supplier's written consent"),
        Tier.RESTRICTED: (
            "受限：直接标识、自由文本、信贷信息与结果，默认不出平台",
            "restricted: direct identifiers, free text, credit and outcomes; stays on the platform unless a law or contract says otherwise",
        ),
    }
)
ROLES: Final[Mapping[Role, Words]] = MappingProxyType(
    {
        Role.EVENT: ("发生日", "day of the fact"),
        Role.VALUE: ("取值", "what is summed"),
        Role.COUNTERPARTY: ("交易对方", "who is told apart"),
        Role.CONDITION: ("是否成立", "whether the fact is told"),
        Role.ROW: ("哪一行", "which row is meant"),
        Role.KNOWN: ("何时知晓", "when it was known"),
    }
)
CELLS: Final[Mapping[Kind, Words]] = MappingProxyType(
    {
        Kind.ID: ("标识", "id"),
        Kind.TEXT: ("文本", "text"),
        Kind.TIME: ("时间", "time"),
        Kind.DATE: ("日期", "date"),
        Kind.MONEY: ("金额", "money"),
        Kind.NUMBER: ("数值", "number"),
        Kind.WORD: ("选项", "word"),
        Kind.CURRENCY: ("币种", "currency"),
        Kind.USCC: ("统一社会信用代码", "unified social credit code"),
    }
)
PSEUDONYMS: Final[Words] = (
    "各 id 是平台的化名，不是身份。出平台前逐一替换为以平台密钥计算的带密钥散列（HMAC-SHA256，64 位十六进制）："
    "所有表、所有 id 列用同一把密钥，连接因此不变；密钥不随数据交付，每个接收方一把。特征不因替换而变。",
    "Ids are the platform's pseudonyms, not identities. Before they leave the platform each is replaced by a keyed hash (HMAC-SHA256, 64"
    " hexadecimal digits): one key for all tables and all id columns, so that joins stay; the key never travels with the data, and each"
    " receiver has its own. No feature changes.",
)
STAND_IN: Final = "withheld"
"""What stands in every cell of a required column that an extract may not hold."""
