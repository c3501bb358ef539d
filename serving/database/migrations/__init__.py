"""The history of the database's tables, run by `serving.database.upgrade` at every start."""
