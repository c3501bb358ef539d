"""The history of the database's tables, run by `serving.upgrade` at every start."""
