"""Server time and queries of every page that lists or adds up, on 10,000 entries, 1,000 tenants, 20,000
people with 2 million permissions, 200,000 keys and 1 million calls.

Reference: the interface guide, a page of the same frame that reads nothing of its own, asked for in turn with the
others. Result: the ratio to it; beside it the median in milliseconds (bound: 60) and the number of queries (bound:
12). Run with `python -m benchmarks.pages`; making the ground takes a few minutes.
"""

from __future__ import annotations

import statistics
import sys
import time

from benchmarks.ground import embedded_database

ROUNDS = 15
REFERENCE = ("guide", "/about/ui/", "platform")
PAGES = (
    REFERENCE,
    ("catalog, list", "/catalog/", "owner"),
    ("catalog, search", "/catalog/?q=cheap+vision+model", "owner"),
    ("catalog, facets", "/catalog/?capability=tools&sort=price", "platform"),
    ("catalog, model", "{model}", "owner"),
    ("tenants, all", "/tenants/", "platform"),
    ("tenant", "/tenants/tenant-7/", "owner"),
    ("tenant, members", "/tenants/tenant-7/members/", "owner"),
    ("tenant, keys", "/tenants/tenant-7/keys/", "owner"),
    ("tenant, grants", "/tenants/tenant-7/grants/", "owner"),
    ("tenant, limits", "/tenants/tenant-7/limits/", "owner"),
    ("tenant, roles", "/tenants/tenant-7/roles/", "owner"),
    ("tenant, why", "/tenants/tenant-7/roles/why/?permission=tenants.manage_tenant&person=person-21", "owner"),
    ("tenant, as a file", "/tenants/tenant-7/structure/", "owner"),
    ("usage, tenant", "/usage/?tenant=tenant-7", "owner"),
    ("usage, all", "/usage/", "platform"),
    ("usage, 90 days", "/usage/?period=90d&by=tenant", "platform"),
    ("calls, tenant", "/usage/calls/?tenant=tenant-7", "owner"),
    ("calls, all", "/usage/calls/?period=90d", "platform"),
    ("requests", "/requests/", "owner"),
    ("who decides", "/platform/delegation/", "platform"),
    ("audit", "/platform/audit/", "platform"),
    ("people", "/platform/people/", "platform"),
    ("home", "/", "owner"),
    ("home, work", "/home/work/", "owner"),
    ("home, new", "/home/new/", "owner"),
    ("home, figures", "/home/figures/", "owner"),
    ("home of platform", "/", "platform"),
    ("its figures", "/home/figures/", "platform"),
)
BOUND_MS, BOUND_QUERIES = 60, 12


def main() -> int:
    with embedded_database():
        from django.db import connection
        from django.test import Client
        from django.test.utils import CaptureQueriesContext

        from benchmarks.scale import Size, build
        from catalog.models import Model
        from tenants.memberships import appoint
        from tenants.models import User

        build(Size(people=20, keys=34, memberships=13))
        appoint(user=User.objects.create_user("platform-person"), role="platform", by=User.objects.first())
        clients = {}
        for name, username in (("owner", "person-35"), ("platform", "platform-person")):
            clients[name] = Client(headers={"host": "127.0.0.1"})
            person = User.objects.get(username=username)
            clients[name].force_login(person, backend="tenants.backends.AccountBackend")
        owner = User.objects.get(username="person-35").memberships.order_by("pk").first().tenant.slug
        model = Model.objects.filter(routes__isnull=False).first() or Model.objects.first()
        assert model is not None
        taken: dict[str, list[float]] = {}
        queries: dict[str, int] = {}
        in_sql: dict[str, float] = {}
        addresses = {
            name: (path.format(model=model.get_absolute_url()).replace("tenant-7", owner), clients[who])
            for name, path, who in PAGES
        }
        for number in range(ROUNDS + 2):
            for name, (address, client) in addresses.items():
                if number < 2:  # counted beside the timing, which counting would lengthen
                    with CaptureQueriesContext(connection) as seen:
                        answer = client.get(address)
                    assert answer.status_code == 200, (address, answer.status_code)
                    queries[name], in_sql[name] = len(seen), sum(float(each["time"]) for each in seen) * 1000
                    continue
                began = time.perf_counter()
                client.get(address)
                taken.setdefault(name, []).append((time.perf_counter() - began) * 1000)
    reference = statistics.median(taken[REFERENCE[0]])
    missed = 0
    print(f"{'page':<18}{'p50 ms':>8}{'ratio':>8}{'queries':>9}{'SQL ms':>8}")
    for name, times in taken.items():
        median = statistics.median(times)
        is_over = median > BOUND_MS or queries[name] > BOUND_QUERIES
        missed += is_over
        mark = "  over" if is_over else ""
        print(f"{name:<18}{median:>8.1f}{median / reference:>8.2f}{queries[name]:>9}{in_sql[name]:>8.1f}{mark}")
    print(f"reference: {REFERENCE[0]}; bounds: {BOUND_MS} ms and {BOUND_QUERIES} queries; {missed} over")
    return 0


if __name__ == "__main__":
    sys.exit(main())
