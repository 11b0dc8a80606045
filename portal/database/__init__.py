"""Django's Postgres backend with one thing added: a database that is away is found out once, not by every request."""
