"""Financing decisions: recommended from a score, taken over by persons, held against double financing, decided again on request."""
