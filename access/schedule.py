"""When this room's jobs are sent: every how many seconds, by the name of the task; and which at a start."""

EVERY_S = {
    "access.resume_provisioning": 60,
    "access.resume_offboarding": 60,
    "access.warn_of_ends": 3600,
}
AT_START = ("access.resume_provisioning", "access.resume_offboarding")
