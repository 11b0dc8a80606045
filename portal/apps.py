from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        from portal import (
            audit_watch,
            beginning,
            checks,  # noqa: F401  (registers them)
            holding,
            jobs,
            sign_ins,
        )
        from portal.celery import app  # noqa: F401  (so that `shared_task` finds its app in every process)
        from portal.platform import register

        register()
        beginning.register()
        sign_ins.connect()
        jobs.connect()
        holding.connect()
        audit_watch.register()
