"""Raw tables to one row of features per supplier and as-of date."""
