"""The control-plane API: one entry that gathers what each room's `api.py` offers."""
