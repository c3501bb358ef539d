"""The real credit tables and the peers that learn from them, one function per peer: rows in, log-odds of bad out."""
