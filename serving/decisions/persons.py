"""Who takes a step? The person whose key it is: keys are named by the bank's administrator, and a key that is rotated keeps its name."""

from sqlalchemy import Connection, text

from serving.access.caller import Caller

_NAME = text("SELECT name_of_key(:key)")


def person_of(connection: Connection, caller: Caller) -> str:
    """Return who calls, by the name of the key; two keys of one name are one person's."""
    return str(connection.execute(_NAME, {"key": caller.key_id}).scalar_one())
