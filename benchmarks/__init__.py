"""Measurements with a named reference in the same run and a ratio as the result; never part of the tests."""
