from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "notices"

    def ready(self) -> None:
        from audit.record import when_recorded
        from notices.mail.writing import write_letters
        from notices.webhooks.outbox import write_event
        from tenants.notifications import when_told

        when_told(write_letters)
        when_recorded(write_event)
