"""The append-only, hash-chained record of who did what. Rooms write with `audit.record.record(...)`."""
