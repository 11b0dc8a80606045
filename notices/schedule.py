"""When this room's jobs are sent: every how many seconds, by the name of the task."""

EVERY_S = {"notices.send_mail": 20, "notices.deliver_due": 5, "notices.forget": 3600}
