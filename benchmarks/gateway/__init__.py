"""The gateway against others, one core each, same upstream and same load: `python -m benchmarks.gateway`."""
