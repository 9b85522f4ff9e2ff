"""Classroom 50: CLASSROOM/autograders/ASSIGNMENT/autograder.py, which only calls the kit.

Students can read this file: it is served from a public page. So everything that they must not see stays on a
runner of yours. In the assignment's runtime: {"runs-on": ["self-hosted", "grading"]}. On that machine, in
the environment of the runner itself: GRADING_COURSE, the folder of the course, with the kit in its .venv.
The runner serves nothing else, and its account owns nothing of value but the course.

Scores are in hundredths of a point, for there they are whole numbers. With anything ungraded, or where
the kit could not run, this ends with its exit code, and Classroom 50 records an error of 0 of 0 points,
which is no mark.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

RESULT, PAGE = Path("result.json"), Path("release-body.md")  # in the student's checkout
MOST = 60_000  # characters of a release's text; GitHub takes 125,000


def judge(course: Path) -> int:
    """Have the checkout judged. What the kit prints is for staff: a log of Actions is the students'."""
    command = [str(course / ".venv/bin/autograder"), "--course", str(course), "score", "."]
    command += ["--as", "classroom50", str(RESULT)]
    with (course / "records/runner.log").open("a") as log:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=log, check=False)
    return done.returncode


def page() -> str:
    """The feedback as Markdown. A student's words are in it: indented, they stay text."""
    result = json.loads(RESULT.read_text())
    parts = [f"### {result['score'] / 100:g} of {result['max-score'] / 100:g} points"]
    for test in result["tests"]:
        points = f"{test['score'] / 100:g} / {test['max-score'] / 100:g}"
        said = "\n".join(f"    {line}" for line in test["output"].splitlines())
        parts.append(f"    {test['test-name']}: {points}\n\n{said}")
    return "\n\n".join(parts)[:MOST] + "\n"


def main() -> int:
    for file in (RESULT, PAGE):
        file.unlink(missing_ok=True)  # a student's may be a link to a file of the runner's
    code = judge(Path(os.environ["GRADING_COURSE"]))
    if code > 1 or not RESULT.is_file():
        print(
            "Not judged in full, and nobody's fault but ours: staff look into records/runner.log."
        )
        return code or 2
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
