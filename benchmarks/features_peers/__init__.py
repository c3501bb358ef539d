"""The same 84 features by other means, one file per peer: each takes the folder and the dates and returns an `Answer`."""
