"""What was said, chained so that nobody can change it unseen, and computed again on request."""
