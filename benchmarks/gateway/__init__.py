"""What the gateway costs a call. `python -m benchmarks.gateway.NAME` runs one; none of them is a test."""
