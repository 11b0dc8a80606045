"""What leads past the policies although each of them stands: told from the database's catalog alone.

A policy holds for who asks its table. It does not hold for a role above it, for `TRUNCATE`, for a copy of the rows, or
for a view or a function that asks as somebody above it; and it holds nothing apart where the scope itself is set for
everybody beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tenants.owned import owned_tables

_ABOVE = "(o.rolsuper OR o.rolbypassrls)"

# Each gives a name, and perhaps more about it. What the tables' owner may goes without saying (`portal.isolation`).
_WAYS = {
    "stands above row-level security, and the portal's role may become it: revoke that": f"""
        SELECT 'role ' || o.rolname, '' FROM pg_roles o
         WHERE {_ABOVE} AND o.rolname <> current_user AND pg_has_role(current_user, o.oid, 'MEMBER')
    """,
    "gives the portal more than its rows, past every policy: revoke": """
        SELECT c.relname::text, string_agg(p.name, ', ' ORDER BY p.name)
          FROM pg_class c CROSS JOIN (VALUES ('REFERENCES'), ('TRIGGER'), ('TRUNCATE')) p (name)
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(%(owned)s)
           AND NOT pg_has_role(current_user, c.relowner, 'MEMBER') AND has_table_privilege(c.oid, p.name)
         GROUP BY c.relname
    """,
    "shows tenants' rows past their policies: take it away from the portal": f"""
        WITH RECURSIVE told AS (
            SELECT c.oid AS relation FROM pg_class c
             WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(%(owned)s)
            UNION
            SELECT r.ev_class FROM told t
              JOIN pg_depend d ON d.refobjid = t.relation AND d.classid = 'pg_rewrite'::regclass
              JOIN pg_rewrite r ON r.oid = d.objid
        )
        SELECT c.oid::regclass::text, ''
          FROM told t JOIN pg_class c ON c.oid = t.relation JOIN pg_roles o ON o.oid = c.relowner
         WHERE (has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(c.oid, 'DELETE'))
           AND (c.relkind = 'm' OR c.relkind = 'v' AND {_ABOVE}
                AND NOT EXISTS (SELECT FROM pg_options_to_table(c.reloptions)
                                 WHERE option_name = 'security_invoker' AND option_value::boolean))
    """,
    "is a function that runs past the policies: take it away from the portal": f"""
        SELECT f.oid::regprocedure::text, '' FROM pg_proc f JOIN pg_roles o ON o.oid = f.proowner
         WHERE f.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
           AND has_function_privilege(f.oid, 'EXECUTE')
           AND (f.prosecdef AND {_ABOVE}
                OR EXISTS (SELECT FROM unnest(f.proconfig) s WHERE s ILIKE %(set)s OR s ILIKE 'row_security=%%'))
    """,
    "sets the scope for everybody beforehand: reset it": """
        SELECT coalesce('role ' || o.rolname, 'database ' || d.datname), ''
          FROM pg_db_role_setting s LEFT JOIN pg_roles o ON o.oid = s.setrole
          LEFT JOIN pg_database d ON d.oid = s.setdatabase
         WHERE (s.setdatabase = 0 OR d.datname = current_database())
           AND EXISTS (SELECT FROM unnest(s.setconfig) x WHERE x ILIKE %(set)s OR x ILIKE 'row_security=%%')
    """,
    "has a tenant_id and no model that says whose its rows are": """
        SELECT c.relname::text, '' FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'f')
           AND a.attname = 'tenant_id' AND NOT a.attisdropped AND c.relname <> ALL(%(owned)s)
    """,
}
_QUERY = " UNION ALL ".join(
    f"SELECT {number}, way.* FROM ({query}) way (name, more)" for number, query in enumerate(_WAYS.values())
)


def find(using: Any, setting: str) -> Iterator[tuple[str, str]]:
    """Each with what it is called, and what is wrong in words; `setting` is what the policies read. One query."""
    words = list(_WAYS)
    with using.cursor() as cursor:
        cursor.execute(f"{_QUERY} ORDER BY 1, 2", {"owned": sorted(owned_tables()), "set": f"{setting}=%"})
        for way, name, more in cursor.fetchall():
            yield name, f"{words[way]} {more}".rstrip()
