"""When the catalog's jobs are sent: every how many seconds, by the name of the task; and which at a start."""

EVERY_S = {"catalog.check_deployments": 300, "catalog.refresh_popularity": 3600}
AT_START = ("catalog.import_if_new", "catalog.check_deployments", "catalog.refresh_popularity")
