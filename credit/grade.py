"""Which grade does a PD fall in? Bands by upper bounds of PD, safest first, named in Chinese and English."""

import math
from dataclasses import dataclass

from credit.errors import OutOfRange, PolicyInvalid
from credit.policy import Policy


@dataclass(frozen=True, slots=True)
class Grade:
    """One band of PD: [pd_from, pd_to); the last one is closed at 1."""

    name: str
    label_zh: str
    label_en: str
    pd_from: float
    pd_to: float


@dataclass(frozen=True, slots=True)
class GradeScale:
    """Grades in order, safest first, covering every PD from 0 to 1.

    Examples
    --------
    >>> low = Grade("A", "低风险", "low risk", 0.0, 0.02)
    >>> high = Grade("B", "高风险", "high risk", 0.02, 1.0)
    >>> GradeScale((low, high)).grade(0.02).name
    'B'
    """

    grades: tuple[Grade, ...]

    def __post_init__(self) -> None:
        """Refuse bands that overlap, leave a gap, or do not cover (0, 1)."""
        if not self.grades or self.grades[0].pd_from != 0.0 or self.grades[-1].pd_to != 1.0:
            raise PolicyInvalid("grades must cover every PD: the first begins at 0 and the last ends at 1")
        for grade in self.grades:
            if not grade.pd_from < grade.pd_to:
                raise PolicyInvalid(f"grade {grade.name}: its PD bounds must rise, found {grade.pd_from} to {grade.pd_to}")
        for safer, riskier in zip(self.grades, self.grades[1:], strict=False):
            if safer.pd_to != riskier.pd_from:
                raise PolicyInvalid(f"grades must meet: {safer.name} ends at {safer.pd_to}, {riskier.name} begins at {riskier.pd_from}")
        if len({grade.name for grade in self.grades}) != len(self.grades):
            raise PolicyInvalid(f"grade names must differ, found {[grade.name for grade in self.grades]}")

    @classmethod
    def from_policy(cls, policy: Policy) -> "GradeScale":
        """Read the grades from the policy `grades`: one number per grade, its upper bound of PD."""
        bounded = sorted(policy.numbers.values(), key=lambda number: number.value)
        lower = 0.0
        grades = []
        for number in bounded:
            grades.append(Grade(number.name, number.zh, number.en, lower, number.value))
            lower = number.value
        return cls(tuple(grades))

    def grade(self, pd: float) -> Grade:
        """Return the grade of a PD in [0, 1]; a PD on a bound belongs to the riskier grade."""
        if not math.isfinite(pd) or not 0.0 <= pd <= 1.0:
            raise OutOfRange(f"pd must lie between 0 and 1, found {pd}")
        for grade in self.grades:
            if pd < grade.pd_to:
                return grade
        return self.grades[-1]
