"""PostgreSQL: opened, its roles and tables, brought up to date."""
