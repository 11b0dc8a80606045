"""`make bench`: every benchmark, one after the other, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys

ALL = (
    "benchmarks.search.quality",
    "benchmarks.whole",
    "benchmarks.serving",
    "benchmarks.pages",
    "benchmarks.tenants",
    "benchmarks.provisioning",
    "benchmarks.snapshot",
    "benchmarks.gateway",
    "benchmarks.gateway.streams",
    "benchmarks.gateway.tenants",
    "benchmarks.gateway.changes",
    "benchmarks.gateway.fairness",
    "benchmarks.scim",
    "benchmarks.gateway.durability",
)


def main() -> int:
    wanted = sys.argv[1:] or ALL
    return max(subprocess.run([sys.executable, "-m", name], check=False).returncode for name in wanted)


if __name__ == "__main__":
    sys.exit(main())
