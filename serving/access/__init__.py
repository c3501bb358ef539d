"""Who may do what: tenants, keys, tokens, consents, tiers of data, rates."""
