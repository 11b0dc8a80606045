"""What is measured of content that is kept, beside the calls' own figures."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from gateway.telemetry import registry

kept = Counter("atrium_bodies_kept", "Calls whose content was spooled for the database", registry=registry)
unkept = Counter("atrium_bodies_unkept", "Calls whose content could not be kept", ["reason"], registry=registry)
waiting = Gauge("atrium_body_spool_bytes", "Content that waits on the disk for the database", registry=registry)
