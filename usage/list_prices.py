"""Keep one price on each model's row for lists, facets and comparisons: the price that a call here would be charged.

Of a model that is served here it is the price of the offer that a route calls first, of several routes the cheapest,
and none where that offer has no price. Of every other model it is the cheapest list price of its providers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.utils import timezone

# The gateway tries a route's connected deployments by priority (gateway.loading, gateway.routing); so does this.
_WRITE = """
WITH served AS (
    SELECT DISTINCT ON (target.route_id) route.model_id, target.deployment_id
    FROM catalog_routetarget target
    JOIN catalog_route route ON route.id = target.route_id AND route.is_enabled
    JOIN catalog_deployment deployment ON deployment.id = target.deployment_id AND deployment.is_enabled
    JOIN catalog_provider provider ON provider.id = deployment.provider_id
     AND (provider.base_url <> '' OR provider.dialect = 'local')
    ORDER BY target.route_id, target.priority, deployment.id
), price AS (
    SELECT * FROM usage_price WHERE valid_from <= %(at)s AND (valid_until IS NULL OR valid_until > %(at)s)
), offer AS (
    SELECT served.model_id, true AS is_served, price.*
    FROM served LEFT JOIN price ON price.deployment_id = served.deployment_id
    UNION ALL
    SELECT version.model_id, false, price.*
    FROM price
    JOIN catalog_deployment deployment ON deployment.id = price.deployment_id
    JOIN catalog_modelversion version ON version.id = deployment.version_id
    WHERE deployment.gone_at IS NULL AND deployment.is_enabled
), found AS (
    SELECT DISTINCT ON (model_id) * FROM offer
    ORDER BY model_id, is_served DESC, input_per_million + output_per_million NULLS LAST, valid_from,
             input_per_million, id  -- of two that come to the same always the same one
)
UPDATE catalog_model AS model
SET input_price = found.input_per_million, output_price = found.output_per_million,
    price_currency = coalesce(found.currency, model.price_currency)
FROM found
WHERE found.model_id = model.id AND (%(models)s::uuid[] IS NULL OR model.id = ANY(%(models)s::uuid[]))
  AND (model.input_price, model.output_price, model.price_currency) IS DISTINCT FROM
      (found.input_per_million, found.output_per_million, coalesce(found.currency, model.price_currency))
"""


def write(models: Iterable[Any] | None = None, *, at: dt.datetime | None = None) -> int:
    """Write the price at a moment (now) onto the rows of `models` (keys; None: of all); returns how many changed."""
    values = {"at": at or timezone.now(), "models": None if models is None else list(models)}
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, values)
        return int(cursor.rowcount)
