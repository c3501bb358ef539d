"""Everything a person or a program touches: the service, its pages, its store."""
