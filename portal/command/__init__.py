"""The command line of Atrium: `atrium up` and its parts, keys and tokens, the doctor, and every command of Django."""

from portal.command.line import main

__all__ = ["main"]
