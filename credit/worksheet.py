"""Where is a decision worked out? On a sheet that keeps each figure as a line, in the order it was found."""

from collections.abc import Sequence

from credit.derivation import Line, Operation, Term, evaluate
from credit.financing_policy import FinancingPolicy
from credit.worksheet_words import WORDS


class Worksheet:
    """The lines of one decision; a figure is looked up by its code and never written twice with another value."""

    def __init__(self, policy: FinancingPolicy) -> None:
        """Begin an empty sheet on the policy in force."""
        self._policy = policy
        self._lines: dict[str, Line] = {}

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines so far, in the order they were found."""
        return tuple(self._lines.values())

    def policy(self, code: str) -> Line:
        """Return a number of the policy, put down as a line."""
        return self._lines.setdefault(code, self._policy.line(code))

    def given(self, code: str, value: int, unit: str, source: str) -> Line:
        """Put down a figure that was handed in, and who handed it."""
        zh, en = WORDS[code]
        return self._put(Line(code, zh, en, Operation.GIVEN, (Term(code, value, unit, zh, en),), value, unit, code, source))

    def work_out(
        self, code: str, operation: Operation, inputs: Sequence[Line | Term], unit: str, *, of: str = "", source: str = ""
    ) -> Line:
        """Put down a figure that follows from others.

        ``of`` names the buyer or the kind where a figure is worked out for each; ``source`` the published formula, if it has one.
        """
        zh, en = WORDS[code]
        terms = tuple(item.term if isinstance(item, Line) else item for item in inputs)
        if of:
            zh, en = f"{zh}（{of}）", f"{en} ({of})"
        value = evaluate(operation, [term.value for term in terms])
        return self._put(
            Line(f"{code}:{of}" if of else code, zh, en, operation, terms, value, unit, code, source or "worked out from the lines above")
        )

    def _put(self, line: Line) -> Line:
        if line.code in self._lines and self._lines[line.code] != line:
            raise ValueError(f"line {line.code} is worked out twice, to {self._lines[line.code].value} and {line.value}")
        self._lines[line.code] = line
        return line
