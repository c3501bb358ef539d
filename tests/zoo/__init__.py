"""The zoo of damaged files: each with what the door must say of it."""
