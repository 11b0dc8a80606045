"""The one error with which starting stops: its text is the line that the person at the terminal reads."""


class CannotStart(Exception):
    """Why Atrium cannot start, and what to do about it, in one line."""
