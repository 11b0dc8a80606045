"""What the portal's role may do to the tables: read and write their rows, and nothing to the tables themselves.

The tables belong to another role (`DATABASE_OWNER_URL`), as which they are made and changed and nothing is served. So
whoever gets hold of the portal's connection can take down neither the policies that hold tenants apart nor the
triggers that keep the audit. The queue's schema is the exception: its queues are made by who uses them.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.utils import DEFAULT_DB_ALIAS

QUEUE = "pgmq"  # the schema's name
OF_THE_OWNER = "django_migrations"  # what the portal reads alone

_LACKING = """
    SELECT count(*) FROM pg_class c
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'S') AND c.relname <> %s
       AND NOT CASE c.relkind
               WHEN 'S' THEN has_sequence_privilege(%s, c.oid, 'USAGE')
               ELSE has_table_privilege(%s, c.oid, 'SELECT') AND has_table_privilege(%s, c.oid, 'INSERT')
                AND has_table_privilege(%s, c.oid, 'UPDATE') AND has_table_privilege(%s, c.oid, 'DELETE') END
"""
_QUEUES = """
    SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND c.relname ~ '^[qa]_' AND c.relowner <> %s::regrole
"""
_OWNED = """
    SELECT count(*), min(pg_get_userbyid(c.relowner)) FROM pg_class c
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
       AND pg_has_role(%s, c.relowner, 'MEMBER')
"""


def grant(using: Any, role: str) -> int:
    """Give `role` what it lacks, on the connection `using` of the tables' owner. The number of tables it lacked.

    Nothing is done where `role` is the owner itself, or not told.
    """
    with transaction.atomic(using=using.alias), using.cursor() as cursor:
        cursor.execute("SELECT current_user::text")
        if not role or cursor.fetchone() == (role,):
            return 0
        cursor.execute(_LACKING, [OF_THE_OWNER, *[role] * 5])
        lacking: int = cursor.fetchone()[0]
        if lacking:
            name = using.ops.quote_name(role)
            cursor.execute(
                f"""
                GRANT USAGE ON SCHEMA public TO {name};
                GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name};
                GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name};
                REVOKE INSERT, UPDATE, DELETE ON {OF_THE_OWNER} FROM {name};
                """
            )
        return lacking


def hand_over_queue(using: Any, role: str) -> None:
    """Let `role` use the queue and make queues in it; those that are there become its own.

    That needs the owner to be a member of `role`, else PostgreSQL refuses (`InsufficientPrivilege`).
    """
    with transaction.atomic(using=using.alias), using.cursor() as cursor:
        cursor.execute("SELECT current_user::text = %s OR has_schema_privilege(%s, %s, 'CREATE')", [role, role, QUEUE])
        if cursor.fetchone()[0]:
            return
        name = using.ops.quote_name(role)
        cursor.execute(
            f"""
            GRANT USAGE, CREATE ON SCHEMA {QUEUE} TO {name};
            GRANT ALL ON ALL TABLES IN SCHEMA {QUEUE} TO {name};
            GRANT ALL ON ALL SEQUENCES IN SCHEMA {QUEUE} TO {name};
            """
        )
        cursor.execute(_QUEUES, [QUEUE, role])
        for (table,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} OWNER TO {name}")


def owned_by(using: Any, role: str) -> int:
    """How many of the tables belong to `role`, or to a role that it is a member of."""
    with using.cursor() as cursor:
        cursor.execute(_OWNED, [role])
        return int(cursor.fetchone()[0])


def after_migrations(using: str = DEFAULT_DB_ALIAS, **signal: Any) -> None:
    """Let the portal reach the tables that a migration made; a receiver of `post_migrate`."""
    from django.db import connections

    grant(connections[using], settings.DATABASE_ROLE)
