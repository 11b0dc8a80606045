"""What of the catalog is tried with several connections, apart from tests that keep one transaction open."""
