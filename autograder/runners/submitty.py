"""Submitty: a custom validator that takes one item from what the kit wrote.

Save it as custom_validation_code/take_item.py of the assignment's configuration. One testcase judges, and a
validation object for each item gives its points: `deduction` is the item's part of the testcase's points.

    {"autograding_method": "docker",
     "container_options": {"container_image": "COURSE"},
     "testcases": [
      {"title": "Hidden tests", "points": 18,
       "command": "autograder --course /course score . --as submitty submitty.json",
       "validation": [
        {"method": "custom_validator", "command": "python3 take_item.py swap_head_tests",
         "actual_file": "submitty.json", "show_actual": "never", "deduction": 0.555},
        {"method": "custom_validator", "command": "python3 take_item.py report_tests",
         "actual_file": "submitty.json", "show_actual": "never", "deduction": 0.445}]}]}

Where an item could not be judged Submitty says "Custom validation failed" and counts 0 until it is graded
again: it knows nothing else. Its validator_log.txt names the item. Make such a testcase `"hidden": true` if
students should see no points before staff have looked.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(item: str) -> None:
    asked = json.loads(Path("custom_validator_input.json").read_text())
    try:
        found = json.loads(Path(f"{asked['testcase_prefix']}submitty.json").read_text())[item]
    except (OSError, ValueError, KeyError) as error:
        why = f"{item} could not be judged: its 0 is no mark ({type(error).__name__}: {error})."
        found = {"status": "failure", "message": why}
    Path("validation_results.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
