"""What goes into an image of this machine's own files."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from tvmigrate.engines.containers.local.tree import Tree


def test_a_file_of_several_names_has_its_content_under_each(tmp_path: Path) -> None:
    """Assert it of hard links: one may lead, through a link of a folder, to the very file it stands beside."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"content")
    os.link(first, second)
    tree = Tree()
    tree.add(first, second)
    with tarfile.open(fileobj=io.BytesIO(b"".join(tree.tar()))) as archive:
        found = {name: archive.extractfile(str(name).lstrip("/")) for name in (first, second)}
        assert {name: file and file.read() for name, file in found.items()} == {first: b"content", second: b"content"}
