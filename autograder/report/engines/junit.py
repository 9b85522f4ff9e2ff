"""JUnit XML, which GitLab, Jenkins and many others show: a suite a notebook, a test case a check.

Its rules are those of Jenkins' `junit-10.xsd`, by which pytest tests its own reports. It knows passed,
failed and skipped: what waits for a person or for staff is skipped. It knows no points: they stand in
each suite's properties.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from xml.etree import ElementTree

from autograder.report.engines.rows import Row, State, about, plain, rows
from autograder.scorecard import Scorecard, points_text


def to_junit(card: Scorecard, _environment: Mapping[str, str]) -> str:
    """The XML; also with ungraded items, for a test that was skipped takes nothing away."""
    top = ElementTree.Element("testsuites", name=plain(card.assignment))
    for notebook, found in itertools.groupby(rows(card), lambda row: row.notebook):
        _add_suite(top, plain(card.assignment), notebook, list(found))
    for name in ("tests", "failures", "errors"):
        top.set(name, str(sum(int(suite.get(name, "0")) for suite in top)))
    if len(top):
        ElementTree.SubElement(top[0], "system-out").text = about(card)
    ElementTree.indent(top)
    # Not as a string: its declaration would name the encoding of this machine.
    text: bytes = ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)
    return text.decode() + "\n"


def _add_suite(top: ElementTree.Element, assignment: str, notebook: str, found: list[Row]) -> None:
    suite = ElementTree.SubElement(top, "testsuite", name=notebook)
    properties = ElementTree.SubElement(suite, "properties")
    for row in found:
        points = "–" if row.score is None else points_text(row.score)
        value = f"{points} / {points_text(row.max_score)}{' bonus' if row.bonus else ''}"
        ElementTree.SubElement(properties, "property", name=f"points.{row.grade_id}", value=value)
        _add_cases(suite, f"{assignment}.{notebook}", row)
    for name, tag in (("tests", "testcase"), ("failures", ".//failure"), ("skipped", ".//skipped")):
        suite.set(name, str(len(suite.findall(tag))))
    suite.set("errors", "0")  # an error would be ours, and makes some engines fail the student


def _add_cases(suite: ElementTree.Element, classname: str, row: Row) -> None:
    if row.state is not State.JUDGED:
        case = ElementTree.SubElement(suite, "testcase", classname=classname, name=row.grade_id)
        ElementTree.SubElement(case, "skipped", message=row.text)
        return
    for check in row.checks:
        name = f"{row.grade_id}: {check.title}"
        case = ElementTree.SubElement(suite, "testcase", classname=classname, name=name)
        if not check.passed:
            first = check.text.partition("\n")[0]
            failure = ElementTree.SubElement(case, "failure", type=check.verdict, message=first)
            failure.text = check.text
