"""From a number of a score to the rows behind it."""
