"""`make chaos`: gateways are killed and the database is stopped while many clients call; then everything is counted.

What is small of it runs in every check: `tests/gateway/test_kills.py`, `test_budgets.py` and `tests/faults/`.
"""
