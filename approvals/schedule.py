"""When governance's jobs are sent: every how many seconds, by the name of the task."""

EVERY_S = {"approvals.expire_requests": 3600}
