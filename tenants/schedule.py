"""When this room's jobs are sent: every how many seconds, by the name of the task."""

EVERY_S = {
    "tenants.resume_invitations": 60,
    "tenants.settle_elevations": 30,
    "tenants.review_access": 3600,
    "tenants.forget_changes": 3600,
    "tenants.warn_of_expiring_keys": 3600,
}
