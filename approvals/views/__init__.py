"""The pages of governance, a module a page."""
