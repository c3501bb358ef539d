"""The command line: the outermost door, which may call every room."""
