"""The underwriter's desk: a bank's pages over its own scores, decisions and policies."""
