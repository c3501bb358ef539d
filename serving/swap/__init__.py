"""The exchange of what scores rest on, while requests are served: one bundle and one ledger at a time."""
