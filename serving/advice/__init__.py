"""What would raise a supplier's grade."""
