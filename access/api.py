"""What this room offers on the control-plane API."""

from rest_framework.routers import DefaultRouter


def register(router: DefaultRouter) -> None:
    """Add this room's view sets to the API."""
