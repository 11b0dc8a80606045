"""What is carried from elsewhere is what the manifest pins, with its licence, and needs nothing that is not carried."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from ui.vendoring import ROOT, VendoringError, changed_files, read_manifest, sprite

FOREIGN = re.compile(r"""(?:src|href|action)=["']?(?:https?:)?//""")


def test_every_vendored_file_is_what_the_manifest_pins():
    assert changed_files() == []


def test_a_changed_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("ui.vendoring.ROOT", tmp_path)
    with pytest.raises(CommandError, match=r"tabler\.min\.css"):
        call_command("vendor", "--check")


def test_every_package_has_its_licence_beside_it():
    for package in read_manifest()["packages"]:
        assert (ROOT / package["licence_file"]).read_text().strip(), package["name"]


def test_no_vendored_script_or_style_sheet_asks_for_a_source_map():
    for file in (ROOT / "static/vendor").rglob("*.*"):
        if file.suffix in {".js", ".css"}:
            assert "sourceMappingURL=" not in file.read_text()[-400:], file.name


def test_a_sprite_names_the_icon_it_does_not_have(tmp_path):
    with pytest.raises(VendoringError, match="no icon named unicorn"):
        sprite(tmp_path, ["unicorn"])


def templates() -> list[Path]:
    return sorted((ROOT / "templates").rglob("*.html"))


def test_no_template_holds_inline_style_or_script():
    for file in templates():
        source = re.sub(r"{%\s*comment.*?endcomment\s*%}", "", file.read_text(), flags=re.DOTALL)
        plain = re.sub(r"<c-[^>]*>", "", source)  # a component's parameter may be called style
        assert not re.search(r"\sstyle=", plain), f"{file}: a style attribute"
        assert "<style" not in source, f"{file}: a style element"
        assert not re.search(r"\son[a-z]+=", source), f"{file}: an event attribute"
        for script in re.findall(r"<script([^>]*)>", source):
            assert "src=" in script or "application/json" in script, f"{file}: an inline script"


def test_no_template_asks_a_foreign_host():
    for file in templates():
        assert not FOREIGN.search(file.read_text()), file


def test_every_asset_can_be_collected_under_hashed_names(tmp_path):
    """In a process of its own, with the storage that the product uses."""
    script = (
        "import django; from django.conf import settings; from portal import settings as product;"
        "values = {k: v for k, v in vars(product).items() if k.isupper()};"
        f"values['STATIC_ROOT'] = {str(tmp_path)!r};"
        "settings.configure(**values); django.setup();"
        "from django.core.management import call_command; call_command('collectstatic', '--noinput', verbosity=0)"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    names = {path.name for path in (tmp_path / "js").iterdir()}
    assert any(re.fullmatch(r"atrium\.[0-9a-f]{12}\.js", name) for name in names)
    assert any(name.endswith(".js.gz") for name in names)
