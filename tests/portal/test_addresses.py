"""Where the database is, told to each library in the form that it takes."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from pgmq.base import PGMQConfig
from psycopg.conninfo import conninfo_to_dict

from portal.embedded.addresses import pgmq_conninfo


@pytest.mark.parametrize("folder", ["/srv/atrium", "/srv/my data/run", "/srv/it's \\ ü/run"])
@pytest.mark.parametrize("password", ["simple", "with blank", "'quoted' \\ =x"])
def test_the_queue_finds_the_database_whatever_is_in_its_path_and_password(folder: str, password: str) -> None:
    url = f"postgresql://atrium:{quote(password)}@/atrium?host={quote(folder)}"
    found = conninfo_to_dict(PGMQConfig(conn_string=pgmq_conninfo(url)).dsn)
    assert (found["host"], found["password"], found["dbname"]) == (folder, password, "atrium")
