"""Stored responses: kept with the content of the calls that made them, read again by name, gone on from."""
