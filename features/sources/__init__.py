"""Adapters from other data to the tables of the data contract."""
