"""What this room offers on the control-plane API.

NOTE: written by the engineer of the tenants pages (see tenants/urls.py); approvals and access have their own api.py.
"""

from rest_framework.routers import DefaultRouter


def register(router: DefaultRouter) -> None:
    """Add this room's view sets to the API."""
