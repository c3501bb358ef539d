"""Which invoices can be advanced against, and how much of them counts?

A buyer that pays late, also later than the law lets it, is the buyer's risk: its invoices count for less or not at all, and nothing else of
the supplier's decision moves.
"""

from datetime import date

from credit.application import Invoice, ReceivablesApplication
from credit.collateral import Collateral, ItemVerdict, counted_by_group, days_of, last_money, similar
from credit.derivation import Line, Term
from credit.double_financing import canonical_number
from credit.period import months_after
from credit.rule import RuleFired, fire
from credit.worksheet import Worksheet


def receivables(application: ReceivablesApplication, sheet: Worksheet) -> Collateral:
    """Return the verdict on each invoice and what counts of them; the order they are named in changes nothing."""
    as_of = application.request.as_of
    invoices = sorted(application.invoices, key=lambda invoice: canonical_number(invoice.number))
    verdicts = tuple(ItemVerdict(invoice.number, _open(invoice), _rules(invoice, as_of, sheet)) for invoice in invoices)
    eligible = [invoice for invoice, verdict in zip(invoices, verdicts, strict=True) if verdict.is_eligible]
    payment_days = sheet.policy("statute.buyer_payment_days")
    late = {invoice.buyer_id for invoice in eligible if _is_late_by_law(invoice, as_of, payment_days.value)}

    def cap_rate(buyer: str) -> Line:
        return sheet.policy("receivables.late_buyer_share_cap" if buyer in late else "receivables.buyer_share_cap")

    groups: dict[str, list[Term]] = {}
    for invoice in eligible:
        term = Term(f"invoice:{invoice.number}", _open(invoice), "fen", f"发票 {invoice.number}", f"invoice {invoice.number}")
        groups.setdefault(invoice.buyer_id, []).append(term)
    whole, counted, capped = counted_by_group(sheet, groups, cap_rate)
    notes = tuple(fire("BUYER_LATE_BY_LAW", buyer, payment_days) for buyer in sorted(late))
    long = tuple(
        fire("VOUCHER_LONG", invoice.number, sheet.policy("statute.voucher_usual_months"))
        for invoice in eligible
        if _is_long(invoice, sheet)
    )
    return Collateral(
        verdicts,
        whole,
        counted,
        last_money(sheet, [_days_to_due(invoice, as_of) for invoice in eligible]),
        notes + long + similar(eligible) + capped,
    )


def _rules(invoice: Invoice, as_of: date, sheet: Worksheet) -> tuple[RuleFired, ...]:
    """Return the rules that leave the invoice out."""
    met = (
        ("ALREADY_FINANCED", invoice.is_financed_elsewhere),
        ("NOT_YET_ISSUED", invoice.issued_on > as_of),
        ("NOT_DELIVERED", invoice.delivered_on is None or invoice.delivered_on > as_of),
        ("PAID", _open(invoice) <= 0),
        ("DISPUTED", invoice.is_disputed),
        ("RELATED_PARTY", invoice.is_related_party),
    )
    rules = [fire(code) for code, is_met in met if is_met]
    for code, days, most in (
        ("TOO_OLD", (as_of - invoice.issued_on).days, sheet.policy("receivables.max_age_days")),
        ("PAST_DUE", (as_of - invoice.due_on).days, sheet.policy("receivables.max_days_past_due")),
        ("DUE_TOO_LATE", (invoice.due_on - as_of).days, sheet.policy("receivables.max_tenor_days")),
    ):
        if days > most.value:
            rules.append(fire(code, days_of(days), most))
    longest = sheet.policy("statute.voucher_longest_months")
    if invoice.is_voucher and invoice.due_on > months_after(invoice.issued_on, longest.value):
        rules.append(fire("VOUCHER_TOO_LONG", longest))
    return tuple(rules)


def _open(invoice: Invoice) -> int:
    return max(invoice.amount - invoice.paid, 0)


def _is_long(invoice: Invoice, sheet: Worksheet) -> bool:
    """Whether a voucher runs longer than it may in principle."""
    usual = sheet.policy("statute.voucher_usual_months").value
    return invoice.is_voucher and invoice.due_on > months_after(invoice.issued_on, usual)


def _is_late_by_law(invoice: Invoice, as_of: date, payment_days: int) -> bool:
    """Whether a large buyer has let the statutory term from delivery pass without paying."""
    return invoice.is_large_buyer and invoice.delivered_on is not None and (as_of - invoice.delivered_on).days > payment_days


def _days_to_due(invoice: Invoice, as_of: date) -> Term:
    days = max((invoice.due_on - as_of).days, 0)
    return Term(f"due:{invoice.number}", days, "days", f"发票 {invoice.number} 到期", f"invoice {invoice.number} due")
