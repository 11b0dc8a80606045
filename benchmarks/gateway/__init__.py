"""The gateway against others, what it costs, and how fairly it shares: `python -m benchmarks.gateway[.NAME]`."""
