"""Who the suppliers are on paper: a valid unified social credit code, a made-up name, provinces and industries."""

import numpy as np
from numpy.typing import NDArray

PROVINCES = (
    ("江苏", "320000", 0.19), ("上海", "310000", 0.15), ("广东", "440000", 0.17), ("浙江", "330000", 0.12),
    ("北京", "110000", 0.08), ("安徽", "340000", 0.07), ("湖北", "420000", 0.06), ("四川", "510000", 0.05),
    ("陕西", "610000", 0.04), ("辽宁", "210000", 0.04), ("山东", "370000", 0.03),
)  # fmt: skip
INDUSTRIES = (
    ("半导体设备零部件", "真空腔体", 0.20), ("精密机械加工", "机加工件", 0.16), ("真空与流体部件", "阀门管件", 0.12),
    ("陶瓷与石英制品", "石英件", 0.10), ("密封与橡胶制品", "密封圈", 0.09), ("电气与线束", "线束", 0.09),
    ("传感与测控", "传感器", 0.08), ("表面处理", "阳极氧化", 0.08), ("包装与物流器具", "洁净包装", 0.08),
)  # fmt: skip
_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_NAME = ("华", "晶", "芯", "锐", "诚", "恒", "宏", "科", "瑞", "信", "远", "精", "创", "达", "立", "泰", "微", "嘉")


def uscc_check(body: str) -> str:
    """Return the check character of a 17-character unified social credit code (GB 32100-2015).

    >>> uscc_check("91350100M000100Y4")
    '3'
    """
    total = sum(_CODE.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return _CODE[(31 - total % 31) % 31]


def organisation_check(body: str) -> str:
    """Return the check character of an 8-character organisation code (GB 11714-1997).

    >>> organisation_check("M000100Y")
    '4'
    """
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    rest = 11 - sum(alphabet.index(c) * w for c, w in zip(body, weights, strict=True)) % 11
    return {10: "X", 11: "0"}.get(rest, str(rest))


def usccs(region: list[str], sole_trader: NDArray[np.bool_], rng: np.random.Generator) -> list[str]:
    """Return one valid and distinct code per supplier, of its region and kind."""
    numbers = rng.choice(30**5, size=len(region), replace=False)
    codes = []
    for place, sole, number in zip(region, sole_trader, numbers, strict=True):
        organisation = "MA" + "".join(_CODE[int(number) // 30**k % 30] for k in range(6))
        body = f"9{2 if sole else 1}{place}{organisation}{organisation_check(organisation)}"
        codes.append(body + uscc_check(body))
    return codes


def names(province: list[str], industry: list[str], sole: NDArray[np.bool_], rng: np.random.Generator) -> list[str]:
    """Return a made-up name per supplier."""
    pick = rng.integers(0, len(_NAME), (len(province), 2))
    return [
        f"{place}{_NAME[a]}{_NAME[b]}{trade}{'经营部' if s else '有限公司'}"
        for place, trade, s, (a, b) in zip(province, industry, sole, pick, strict=True)
    ]
