"""The pages of tenants, people and keys: each module one page with what is done on it."""
