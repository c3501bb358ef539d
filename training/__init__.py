"""Feature matrix to signed scoring bundle."""
