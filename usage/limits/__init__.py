"""Limits (how fast) and budgets (how much money) of tenants, projects, environments and keys.

They are set and explained here; `gateway.holding` holds every call to them.
"""
