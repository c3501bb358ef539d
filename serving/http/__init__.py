"""What surrounds every answer: bodies read, problems told, languages, the log, the API's description."""
