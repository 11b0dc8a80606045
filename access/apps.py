from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "access"

    def ready(self) -> None:
        from access import standing as standings
        from access.asking import ACCESS
        from access.contributions import register
        from access.onboarding.subject import ONBOARDING
        from approvals import subjects
        from catalog import standing

        subjects.register(ACCESS)
        subjects.register(ONBOARDING)
        standing.register(standings)
        register()
