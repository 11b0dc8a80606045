"""`make clients`: the usual examples of the clients that people use, unmodified, against a served gateway."""
