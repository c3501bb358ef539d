"""A platform whose truth is known: see docs/simulator.md for what depends on what and why."""

from features.simulate.platform import simulate
from features.simulate.world import World

__all__ = ["World", "simulate"]
