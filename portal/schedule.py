"""When the portal's own jobs are sent: every how many seconds, by the name of the task."""

EVERY_S = {"portal.pulse": 30, "portal.tell_of_a_broken_audit": 300}
