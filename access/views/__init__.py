"""The pages of access, a module a page."""
