"""Signed webhooks: what of a tenant is told to which address, delivered with proof of who sent it."""
