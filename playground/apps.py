from django.apps import AppConfig


class PlaygroundConfig(AppConfig):
    name = "playground"

    def ready(self) -> None:
        from playground import judging
        from playground.contributions import register

        register()
        judging.register()
