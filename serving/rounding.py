"""How are numbers shown so that what is shown adds up? By the largest remainder."""

import math
from collections.abc import Sequence
from decimal import Decimal


def round_to_sum(values: Sequence[float], total: Decimal, *, digits: int = 1) -> tuple[Decimal, ...]:
    """Round values to ``digits`` places so that they add up to ``total`` exactly.

    Each value is first rounded down; the units still lacking go to those that lost most, in the order of the values where they lost the
    same. (Hare's method of largest remainders; Balinski and Young, Fair Representation, 1982.)

    Parameters
    ----------
    values
        Finite numbers, at least one.
    total
        A multiple of the unit 10**-digits, near the sum of the values.

    Examples
    --------
    >>> [str(value) for value in round_to_sum([0.333, 0.333, 0.334], Decimal(1))]
    ['0.3', '0.3', '0.4']
    """
    unit = Decimal(1).scaleb(-digits)
    scaled = [value * 10**digits for value in values]
    floors = [math.floor(value) for value in scaled]
    lacking = int(total / unit) - sum(floors)
    everyone, some = divmod(lacking, len(values))
    by_loss = sorted(range(len(values)), key=lambda place: (floors[place] - scaled[place], place))
    favoured = set(by_loss[:some])
    return tuple((floors[place] + everyone + (place in favoured)) * unit for place in range(len(values)))
