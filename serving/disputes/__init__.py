"""A supplier says that a row is wrong: received, decided by a person, corrected in the ledger, and scored again."""
