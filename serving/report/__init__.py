"""The credit report: gathered, set as a page, printed."""
