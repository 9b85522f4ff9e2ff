"""What the tests of a course share: source notebooks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autograder.course import SourceNotebook, read_source
from tests.damages import other_source, source_of
from tests.tiny_course import tiny_source


@pytest.fixture
def source(tmp_path: Path) -> SourceNotebook:
    """The tiny assignment's."""
    return source_of(tmp_path)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SourceNotebook]:
    """Those of an assignment of two notebooks."""
    folder = tmp_path_factory.mktemp("source")
    for name, data in {"tiny": tiny_source(), "other": other_source()}.items():
        (folder / f"{name}.ipynb").write_text(json.dumps(data))
    return {name: read_source(folder / f"{name}.ipynb") for name in ("tiny", "other")}
