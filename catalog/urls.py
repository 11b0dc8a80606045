from django.urls import URLPattern, URLResolver, path

import catalog.converters  # noqa: F401  (how a name is written in an address)
from catalog import (
    browsing,
    comparison_page,
    import_pages,
    model_page,
    prompting_page,
    provider_list,
    provider_pages,
    steering_pages,
)
from catalog.cards import pages as cards
from catalog.lifecycle import pages as lifecycle
from catalog.register import pages as register
from catalog.risk import pages as risk

app_name = "catalog"
urlpatterns: list[URLPattern | URLResolver] = [
    path("catalog/", browsing.model_list, name="list"),
    path("catalog/export.csv", browsing.export, name="export"),
    path("catalog/compare/", comparison_page.compare, name="compare"),
    path("catalog/models/<name:slug>/", model_page.model, name="model"),
    path("catalog/versions/<uuid:pk>/card/", cards.edit, name="card-edit"),
    path("catalog/versions/<uuid:pk>/card/import/", cards.import_whole, name="card-import"),
    path("catalog/versions/<uuid:pk>/card/editions/", cards.editions, name="card-editions"),
    path("catalog/versions/<uuid:pk>/card.md", cards.download, name="card-download"),
    path("catalog/versions/<uuid:pk>/terms/", cards.terms, name="card-terms"),
    path("catalog/versions/<uuid:pk>/owner/", cards.owner, name="card-owner"),
    path("catalog/versions/<uuid:pk>/lifecycle/", lifecycle.move, name="lifecycle"),
    path("catalog/risk/", risk.risk_rules, name="risk-rules"),
    path("platform/register/", register.register, name="register"),
    path("platform/catalog/", import_pages.imports, name="imports"),
    path("platform/catalog/<int:pk>/", import_pages.run, name="import"),
    path("platform/catalog/<int:pk>/cancel/", import_pages.cancel, name="cancel-import"),
    path("platform/providers/", provider_list.provider_list, name="providers"),
    path("platform/providers/connect/", provider_pages.connect, name="connect"),
    path("platform/providers/connect/<slug:slug>/", provider_pages.connect_suggested, name="connect-suggested"),
    path("platform/providers/<slug:slug>/", provider_pages.provider, name="provider"),
    path("platform/providers/<slug:slug>/facts/", provider_pages.describe, name="describe-provider"),
    path("platform/providers/<slug:slug>/test/", provider_pages.test, name="test-provider"),
    path("platform/providers/<slug:slug>/credential/", provider_pages.replace_credential, name="replace-credential"),
    path("platform/providers/<slug:slug>/disconnect/", provider_pages.disconnect, name="disconnect"),
    path("platform/providers/<slug:slug>/publish/", provider_pages.publish, name="publish"),
    path("platform/routes/<name:slug>/switch/", provider_pages.switch_route, name="switch-route"),
    path("platform/routing/<name:slug>/", steering_pages.steer, name="steer"),
    path("platform/deployments/<uuid:pk>/", steering_pages.describe, name="deployment"),
    path("platform/deployments/<uuid:pk>/prompts/", prompting_page.prompting, name="prompting"),
    path("platform/deployments/<uuid:pk>/drain/", steering_pages.drain, name="drain"),
    path("platform/deployments/<uuid:pk>/resume/", steering_pages.resume, name="resume"),
    path("platform/deployments/<uuid:pk>/probe/", steering_pages.probe, name="probe"),
]
