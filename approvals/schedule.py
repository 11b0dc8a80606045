"""When governance's jobs are sent: every how many seconds, by the name of the task; and which at a start."""

EVERY_S = {
    "approvals.collect_left": 60,
    "approvals.expire_requests": 3600,
    "approvals.seal_decisions": 3600,
    "approvals.verify_decisions_daily": 86_400,
}
AT_START = ("approvals.seal_decisions",)
