"""When the audit's jobs are sent: every how many seconds, by the name of the task."""

EVERY_S = {"audit.seal_past_days": 3600}
