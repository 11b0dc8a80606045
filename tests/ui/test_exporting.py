"""Lists as CSV: whatever a person or a provider wrote, no cell of it is a formula in the reader's spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from django.conf import settings

from ui.exporting import cell, lines


@pytest.mark.parametrize(
    "written", ["=1+1", "=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", " =1+1", '"=1+1']
)
def test_text_that_a_spreadsheet_would_compute_begins_with_a_quote(written: str) -> None:
    assert cell(written) == f"'{written}"


@pytest.mark.parametrize("written", ["a=1", "Ärger", "🦊", "שלום", "<b>", "1 - 1", ""])
def test_other_text_stays_as_it_is(written: str) -> None:
    assert cell(written) == written


def test_numbers_stay_numbers_also_below_nought() -> None:
    assert (cell(-3), cell(-0.5), cell(None)) == ("-3", "-0.5", "")


def test_commas_quotes_and_line_ends_stay_inside_their_cell() -> None:
    text = "".join(lines(["a", "b"], [['x, "y"', "one\ntwo"]]))
    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))[1] == ['x, "y"', "one\ntwo"]


def test_this_is_the_one_way_to_write_csv() -> None:
    rooms = ["portal", "playground", "gateway", "access", "usage", "catalog", "approvals", "tenants", "audit", "ui"]
    sources = [file for room in rooms for file in (Path(settings.BASE_DIR) / room).rglob("*.py")]
    assert [str(file) for file in sources if "csv.writer(" in file.read_text()] == [
        str(Path(settings.BASE_DIR) / "ui" / "exporting.py")
    ]
