"""Scores from a history that a bank hands over itself, of a supplier that is not on the platform."""
