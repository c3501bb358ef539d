"""The monitoring as one page: what speaks up first, then charts with their tables, Chinese and English side by side.

Nothing is fetched and nothing runs: text, one style block, inline SVG.
"""

from collections.abc import Iterable, Sequence
from html import escape

from training.drift import Alarm, Drift
from training.expected_performance import Expected
from training.monitor import Monitoring

SHOWN = 20
_WORDS = {
    Alarm.QUIET: "平稳 quiet",
    Alarm.WATCH: "关注 watch",
    Alarm.ALARM: "警报 alarm",
    Alarm.NOT_MEASURED: "未测 not measured",
}
_COLOURS = {Alarm.QUIET: "#2a7f62", Alarm.WATCH: "#b07a1e", Alarm.ALARM: "#b3403a", Alarm.NOT_MEASURED: "#8a8a8a"}
_STYLE = """
body{font:16px/1.6 system-ui,"Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif;color:#1d2433}
body{max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #d5dae3}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:right;padding:.2rem .5rem;border-bottom:1px solid #e5e8ee}
th:first-child,td:first-child{text-align:left}
figure{margin:1rem 0;overflow-x:auto}figcaption{font-size:.9rem;color:#4a5264}
svg{max-width:100%;height:auto}svg text{font-size:12px;fill:#1d2433}
.alarm{color:#b3403a;font-weight:600}.watch{color:#8a5a00;font-weight:600}.quiet{color:#1f6b50}
"""


def render_monitoring(found: Monitoring) -> str:
    """Return the page."""
    parts = [
        f"<h1>模型监测 Model monitoring · {found.as_of}</h1>",
        f"<p>模型包 bundle <code>{escape(found.bundle_sha256)}</code><br>{_population(found)}</p>",
        _spoken(found),
        "<h2>稳定性 Stability</h2>",
        _drift_words(),
        _score_chart(found.score),
        _drift_chart(found.features),
        "<h2>早期违约 Early defaults</h2>",
        _vintages(found),
        "<h2>标签成熟前的预计表现 Performance before the labels are there</h2>",
        _performance(found),
    ]
    title = f"Lianxin monitoring {found.as_of}"
    return (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _population(found: Monitoring) -> str:
    who = {
        "financed": "前一日有未结融资且未违约的供应商 suppliers with a loan open the day before and not in default",
        "all": "全部已知供应商 all known suppliers",
    }[found.population]
    return f"{found.suppliers} 家：{who}"


def _spoken(found: Monitoring) -> str:
    rows = [("警报 alarms", found.alarms, "alarm"), ("关注 watched", found.watched, "watch")]
    lines = [
        f'<li class="{style if names else "quiet"}">{title}: {len(names)}{" · " + escape(", ".join(names)) if names else ""}</li>'
        for title, names, style in rows
    ]
    lines += [f"<li>未测 not measured: {escape(part)}: {escape(why)}</li>" for part, why in found.why_not.items()]
    return f"<ul>{''.join(lines)}</ul>"


def _drift_words() -> str:
    return (
        "<p>只有在 Holm 校正后超出偶然、且 PSI 超过政策界限时才报警；竖线为偶然情形下二十次中仅一次会超过的 PSI。<br>"
        "An alarm is beyond chance after Holm's correction and its PSI is over the policy's bound; the tick is the PSI that chance alone "
        "exceeds once in twenty times.</p>"
    )


def _score_chart(score: Drift) -> str:
    width, height, top = 640, 180, max(*score.reference, *score.shares, 1e-9)
    cells = len(score.shares) - 1
    step = width / cells
    both = list(zip(score.reference, score.shares, strict=True))[:cells]
    parts = []
    for place, (then, now) in enumerate(both):
        for offset, share, colour in ((0.1, then, "#8a8a8a"), (0.5, now, "#1f4e79")):
            tall = height * share / top
            x = place * step + offset * step
            parts.append(f'<rect x="{x:.1f}" y="{height - tall:.1f}" width="{0.38 * step:.1f}" height="{tall:.1f}" fill="{colour}"/>')
        parts.append(f'<text x="{(place + 0.5) * step:.1f}" y="{height + 16}" text-anchor="middle">{place + 1}</text>')
    caption = f"评分分布：灰为训练期十分位，蓝为当前 score: tenths of the training sample (grey) and now (blue); PSI {score.psi:.3f}"
    rows = [(f"{place}", f"{then:.1%}", f"{now:.1%}") for place, (then, now) in enumerate(both, start=1)]
    body = _svg(width, height + 22, parts, caption) + _table(("分段 part", "训练期 then", "当前 now"), rows)
    return f"<p>{_said(score.verdict)} · p {score.p_adjusted:.3g}</p>{body}"


def _drift_chart(features: Sequence[Drift]) -> str:
    most = sorted(features, key=lambda one: (-one.psi, one.name))[:SHOWN]
    longest = max([one.psi for one in most] + [one.by_chance for one in most] + [0.1])
    parts = []
    for place, one in enumerate(most):
        y = place * 22
        parts.append(f'<text x="300" y="{y + 15}" text-anchor="end">{escape(one.name)}</text>')
        long = 320 * one.psi / longest
        parts.append(f'<rect x="308" y="{y + 4}" width="{max(long, 0.8):.1f}" height="14" fill="{_COLOURS[one.verdict]}"/>')
        tick = 308 + 320 * one.by_chance / longest
        parts.append(f'<line x1="{tick:.1f}" x2="{tick:.1f}" y1="{y + 1}" y2="{y + 21}" stroke="#1d2433" stroke-width="1.5"/>')
    rows = [
        (
            one.name,
            f"{one.psi:.3f}",
            f"{one.by_chance:.3f}",
            f"{one.p_adjusted:.2g}",
            f"{one.reference[-1]:.1%}",
            f"{one.shares[-1]:.1%}",
            _said(one.verdict),
        )
        for one in most
    ]
    names = ("特征 feature", "PSI", "偶然 by chance", "p (Holm)", "缺失·训练 missing then", "缺失·当前 now", "结论 verdict")
    caption = f"变化最大的 {len(most)} 个特征 the {len(most)} features that moved most, of {len(features)}"
    return _svg(640, 22 * len(most) + 4, parts, caption) + _table(names, rows, raw=6)


def _vintages(found: Monitoring) -> str:
    if not found.vintages:
        return f"<p>未测 not measured: {escape(found.why_not.get('vintages', 'no vintage'))}</p>"
    top = max(max(one.high, one.expected) for one in found.vintages)
    step, height = 640 / len(found.vintages), 200
    parts = []
    for place, one in enumerate(found.vintages):
        x = (place + 0.5) * step
        low, high, seen, expected = (height - height * number / top for number in (one.low, one.high, one.observed, one.expected))
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{high:.1f}" y2="{low:.1f}" stroke="{_COLOURS[one.verdict]}" stroke-width="2"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{seen:.1f}" r="4.5" fill="{_COLOURS[one.verdict]}"/>')
        parts.append(f'<path d="M{x - 10:.1f} {expected:.1f}h20" stroke="#1d2433" stroke-width="2" stroke-dasharray="4 2"/>')
        parts.append(f'<text x="{x:.1f}" y="{height + 16}" text-anchor="middle">{one.as_of:%y-%m}</text>')
    rows = [
        (
            f"{one.as_of}",
            f"{one.days}",
            f"{one.suppliers}",
            f"{one.share_by_now:.0%}",
            f"{one.expected:.1f}",
            f"{one.observed} [{one.low:.1f}, {one.high:.1f}]",
            f"{one.p_adjusted:.2g}",
            _said(one.verdict),
        )
        for one in found.vintages
    ]
    names = (
        "观察日 as-of",
        "天数 days",
        "供应商 suppliers",
        "已到比例 share by now",
        "预期 expected",
        "实际 seen",
        "p (Holm)",
        "结论 verdict",
    )
    words = (
        "<p>点为迄今实际违约数及 95 % 区间，虚线为按 PD 与成熟批次的违约时间曲线应有的数目。"
        "Dots are defaults so far with 95 % intervals; dashes what the PDs and the matured vintages' timing of defaults say.</p>"
    )
    return words + _svg(640, height + 22, parts, "早期违约 early defaults by vintage") + _table(names, rows, raw=7)


def _performance(found: Monitoring) -> str:
    words = (
        f"<p>{_said(found.performance)} · 由模型自身的 PD 推算；前提是 PD 仍然校准：能看出供应商构成的变化，看不出特征与违约关系的变化。"
        "Estimated from the model's own PDs, assuming that they are still calibrated: it sees a changed mix of suppliers and not a changed "
        "relation of features and default.</p>"
    )
    rows = [("当前预计 expected now", str(found.suppliers), *_expected_cells(found.expected))]
    if "auc" in found.tested:
        cells = (
            _interval(found.tested["auc"], found.tested.get("auc_standard_error")),
            _number(found, "log_loss", ".4f"),
            _number(found, "bad_rate", ".2%"),
        )
        rows.append(("测试期实测 the test period", "", *cells))
    if found.matured is not None:
        one = found.matured
        rows.append((f"{one.as_of} 预计 estimated", str(one.suppliers), *_expected_cells(one.estimated)))
        cells = (_interval(one.auc, one.auc_standard_error), f"{one.log_loss:.4f}", f"{one.bad_rate:.2%}")
        rows.append((f"{one.as_of} 实测 came out ({'相符 agrees' if one.holds else '不符 differs'})", str(one.suppliers), *cells))
    table = _table(("", "供应商 suppliers", "AUC [95 %]", "对数损失 log loss", "坏账率 bad rate"), rows)
    return words + _auc_chart(found) + table


def _auc_chart(found: Monitoring) -> str:
    marks = [("当前预计 now", found.expected.auc, found.expected.auc_low, found.expected.auc_high)]
    if "auc" in found.tested:
        half = 1.96 * found.tested.get("auc_standard_error", 0.0)
        marks.append(("测试期 test", found.tested["auc"], found.tested["auc"] - half, found.tested["auc"] + half))
    if found.matured is not None:
        one, half = found.matured, 1.96 * found.matured.auc_standard_error
        marks.append(("成熟·预计 matured, estimated", one.estimated.auc, one.estimated.auc_low, one.estimated.auc_high))
        marks.append(("成熟·实测 matured, came out", one.auc, one.auc - half, one.auc + half))
    parts = []
    for place, (label, value, low, high) in enumerate(marks):
        y = 16 + 26 * place
        x, left, right = (220 + 400 * (min(max(number, 0.5), 1.0) - 0.5) / 0.5 for number in (value, low, high))
        parts.append(f'<text x="210" y="{y + 4}" text-anchor="end">{label}</text>')
        parts.append(f'<line x1="{left:.1f}" x2="{right:.1f}" y1="{y}" y2="{y}" stroke="#1f4e79" stroke-width="2"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="4.5" fill="#1f4e79"/>')
    bottom = 16 + 26 * len(marks)
    ticks = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    parts += [f'<text x="{220 + 800 * (tick - 0.5):.0f}" y="{bottom}" text-anchor="middle">{tick}</text>' for tick in ticks]
    return _svg(640, bottom + 6, parts, "AUC")


def _expected_cells(one: Expected) -> tuple[str, str, str]:
    auc = f"{one.auc:.3f} [{one.auc_low:.3f}, {one.auc_high:.3f}]"
    return auc, f"{one.log_loss:.4f}", f"{one.bad_rate:.2%} [{one.bad_rate_low:.2%}, {one.bad_rate_high:.2%}]"


def _number(found: Monitoring, name: str, form: str) -> str:
    return format(found.tested[name], form) if name in found.tested else "未测 not measured"


def _interval(value: float, error: float | None) -> str:
    if error is None:
        return f"{value:.3f}"
    return f"{value:.3f} [{value - 1.96 * error:.3f}, {value + 1.96 * error:.3f}]"


def _said(verdict: Alarm) -> str:
    return f'<span class="{verdict.value.replace(" ", "-")}">{_WORDS[verdict]}</span>'


def _svg(width: float, height: float, parts: Iterable[str], caption: str) -> str:
    drawn = "".join(parts)
    return (
        f'<figure><svg viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img" aria-label="{escape(caption)}">'
        f"<title>{escape(caption)}</title>{drawn}</svg><figcaption>{escape(caption)}</figcaption></figure>"
    )


def _table(names: Sequence[str], rows: Iterable[Sequence[str]], *, raw: int | None = None) -> str:
    """Return a table; the cells of the column ``raw`` are markup of this page's own."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{cell if place == raw else escape(cell)}</td>" for place, cell in enumerate(row)) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
