"""Every number a risk committee could want to change, dated."""
