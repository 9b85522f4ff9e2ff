from __future__ import annotations

import io

from rich.console import Console

from autograder.report.catalogue import figures_table

COUNTS = dict.fromkeys(
    ("right", "kept", "wrong", "caught", "named", "misnamed", "as_expected"), 1000
)


def test_headings_and_numbers_are_whole_however_long_an_items_name_is() -> None:
    screen = Console(file=io.StringIO(), width=80)
    screen.print(figures_table({"make_criterion_and_optimizer_tests": COUNTS, "all": COUNTS}))
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue()
    assert "…" not in shown
    for word in ("right", "kept", "wrong", "caught", "named", "misnamed", "expected"):
        assert word in shown.split()
    assert shown.split().count("1000") == 2 * len(COUNTS)
