"""What reviewers write: short Chinese phrases composed by the rating, so that a reader sees text like a platform's."""

OPENINGS = {
    1: ("非常失望。", "问题很多。", "这次合作很不顺利。", "不满意。"),
    2: ("不太满意。", "体验较差。", "低于预期。", "有些失望。"),
    3: ("一般。", "中规中矩。", "基本符合要求。", "勉强可以。"),
    4: ("比较满意。", "总体不错。", "合作顺利。", "基本都好。"),
    5: ("非常满意。", "很好的供应商。", "合作愉快。", "值得推荐。"),
}
REMARKS = {
    1: ("交期一拖再拖，产线被迫停工。", "来料不良率高，返工几次。", "尺寸超差，整批退回。", "售后没人管。", "数量短缺，单据也不对。"),
    2: ("交货晚了不少天。", "表面处理有瑕疵。", "包装破损，有磕碰。", "沟通慢，答复不及时。", "检验报告缺页。"),
    3: ("质量尚可，交期还需改进。", "个别零件需要复检。", "价格合适，服务一般。", "到货比约定略晚。", "公差偏上限，能用。"),
    4: ("质量稳定，交期基本准时。", "尺寸精度符合图纸。", "包装规范，沟通及时。", "小问题处理得快。", "资料齐全，验收顺利。"),
    5: ("准时交付，洁净包装到位。", "精度高，一次验收合格。", "响应迅速，技术支持专业。", "质量一贯稳定，长期合作。", "急单也按时完成。"),
}  # fmt: skip
CLOSINGS = ("", "", "希望改进。", "会继续观察。", "后续再下单。", "谢谢。")


def texts() -> list[str]:
    """Return all texts, the one of rating r and number k at ``(r - 1) * 120 + k % 120``.

    >>> len(texts()), texts()[0]
    (600, '非常失望。交期一拖再拖，产线被迫停工。')
    """
    return [OPENINGS[rating][k % 4] + REMARKS[rating][k // 4 % 5] + _closing(rating, k // 20) for rating in range(1, 6) for k in range(120)]


def _closing(rating: int, k: int) -> str:
    text = CLOSINGS[k]
    return "" if (rating <= 2 and text == "后续再下单。") or (rating >= 4 and text == "希望改进。") else text
