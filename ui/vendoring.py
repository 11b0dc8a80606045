"""Which foreign assets are carried under `static/vendor/`, in which versions, and how a package becomes our files.

The pins are `static/vendor/manifest.json`; `manage.py vendor` rebuilds every file from them (npm and a network are
needed for that alone, never to run). Style sheets are put into a cascade layer so that our own always win, and source
map references are cut because the maps are not carried.
"""

import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "static/vendor/manifest.json"
ICON_NAMES = ROOT / "ui/icons.txt"
SPRITE = "static/vendor/icons.svg"

_source_map = re.compile(r"^\s*(/\*# sourceMappingURL=.*?\*/|//# sourceMappingURL=.*)\s*$", re.MULTILINE)


class VendoringError(Exception):
    """A package is not what the manifest pins, or lacks a file; the message names it."""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_manifest() -> dict[str, Any]:
    """The pins as they stand in `static/vendor/manifest.json`."""
    manifest: dict[str, Any] = json.loads(MANIFEST.read_text())
    return manifest


def changed_files() -> list[str]:
    """Vendored files whose content is not what the manifest says, by path."""
    wrong = []
    for package in read_manifest()["packages"]:
        for file in package["files"]:
            path = ROOT / file["to"]
            if not path.exists() or sha256(path.read_bytes()) != file["sha256"]:
                wrong.append(file["to"])
    return wrong


def refresh(*, accept_new: bool) -> list[str]:
    """Fetch every pinned package and write its files; return the names of the packages whose content changed.

    Raises `VendoringError` when a tarball differs from its pin, unless `accept_new`, which writes the new pin.
    """
    manifest = read_manifest()
    changed = []
    with tempfile.TemporaryDirectory() as folder:
        for package in manifest["packages"]:
            unpacked, digest = _fetch(package["name"], package["version"], Path(folder))
            if digest != package.get("tarball_sha256"):
                if not accept_new:
                    raise VendoringError(f"{package['name']} {package['version']} is not the pinned tarball: {digest}")
                package["tarball_sha256"] = digest
                changed.append(package["name"])
            for file in package["files"]:
                file["sha256"] = _write(unpacked, file)
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n")
    return changed


def _fetch(name: str, version: str, folder: Path) -> tuple[Path, str]:
    target = folder / name.replace("/", "-").lstrip("@")
    target.mkdir()
    packed = subprocess.run(
        ["npm", "pack", "--silent", f"{name}@{version}"],
        cwd=target,
        check=True,
        capture_output=True,
        text=True,
    )
    tarball = target / packed.stdout.strip().splitlines()[-1]
    with tarfile.open(tarball) as archive:
        archive.extractall(target, filter="data")
    return target / "package", sha256(tarball.read_bytes())


def _write(unpacked: Path, file: dict[str, str]) -> str:
    target = ROOT / file["to"]
    target.parent.mkdir(parents=True, exist_ok=True)
    if file["to"] == SPRITE:
        text = sprite(unpacked / file["from"], ICON_NAMES.read_text().split())
    else:
        source = unpacked / file["from"]
        if not source.exists():
            raise VendoringError(f"{file['from']} is not in the package")
        text = _source_map.sub("", source.read_text()).rstrip() + "\n"
    if "layer" in file:
        text = f"@layer {file['layer']}{{{text.removeprefix('@charset "UTF-8";')}}}\n"
    content = text.encode()
    target.write_bytes(content)
    return sha256(content)


def sprite(folder: Path, names: list[str]) -> str:
    """One SVG whose symbols are the named icons; `filled/star` becomes the symbol `filled-star`.

    `folder` holds `outline/` and `filled/` as in the package. Raises `VendoringError` for a name it does not have.
    """
    symbols = []
    for name in names:
        style, _, plain = name.rpartition("/")
        path = folder / (style or "outline") / f"{plain}.svg"
        if not path.exists():
            raise VendoringError(f"there is no icon named {name}")
        inner = re.sub(r"^.*?<svg.*?>|</svg>\s*$", "", path.read_text(), flags=re.DOTALL)
        inner = re.sub(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>', "", inner)
        paint = ' fill="currentColor" stroke="none"' if style else ""
        symbol = name.replace("/", "-")
        symbols.append(f'<symbol id="{symbol}" viewBox="0 0 24 24"{paint}>{re.sub(r"\s*\n\s*", "", inner)}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"
