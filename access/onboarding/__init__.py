"""Bring a team: seven short pages, a decision by a board, and a job that sets everything up."""
