"""Faults to plant in a tiny course, and what the release gate must say of each."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tiny_course import GRADERS, TinyCourse, cell, tiny_source

CONTRACT = """
total = 12
[autograded.tiny]
double_tests = 3
mean_tests = 4
[written.tiny]
why = 5
"""

MODEL_ANSWER = (
    "A mean weighs all numbers alike, so one outlier moves it by as much as it is far away."
)

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "double__times_two": ("def double(x):\n    return 2 * x", {}),
    "double__adds_one": (
        "def double(x):\n    return x + 1",
        {"double_tests": {"verdict": "failed", "score": 0}},
    ),
    "mean__one_too_many": (
        "def mean(numbers):\n    return sum(numbers) / (len(numbers) + 1)",
        {"mean_tests": {"verdict": "failed", "score": 0}},
    ),
}


def write_case(tiny: TinyCourse, name: str, text: str, items: dict[str, Any], **more: Any) -> None:
    """A right case if it loses no item, else a wrong one."""
    about = {"notebook": "tiny", "right": not items, "about": name, "items": items, **more}
    tiny.write(f"tests/cases/{name}/scorecard.json", json.dumps(about))
    tiny.write(f"tests/cases/{name}/{name.partition('__')[0]}.py", text)


def gated_course(root: Path) -> TinyCourse:
    """A tiny course that the gate lets pass."""
    tiny = TinyCourse(root)
    source = tiny_source()
    at(source, "why")["source"] = MODEL_ANSWER
    save(tiny, source)
    tiny.write("graders/tiny/contract.toml", CONTRACT)
    for name, (text, items) in CASES.items():
        write_case(tiny, name, text, items)
    return tiny


@dataclass(frozen=True)
class Plant:
    """A fault; words of what the gate says and advises; what it calls the cell and the place."""

    plant: Callable[[TinyCourse], object]
    said: str
    cell: str = ""
    place: str = "tiny"


def source_of(tiny: TinyCourse) -> dict[str, Any]:
    return dict(json.loads((tiny.root / "source/tiny/tiny.ipynb").read_text()))


def save(tiny: TinyCourse, source: dict[str, Any]) -> None:
    tiny.write("source/tiny/tiny.ipynb", json.dumps(source))


def at(source: dict[str, Any], grade_id: str) -> dict[str, Any]:
    """A cell by its grade_id; the title for `title`."""
    cells = source["cells"]
    named = {c["metadata"].get("nbgrader", {}).get("grade_id", "title"): c for c in cells}
    found: dict[str, Any] = named[grade_id]
    return found


def in_source(change: Callable[[dict[str, Any]], object]) -> Callable[[TinyCourse], None]:
    """A fault in the source notebook."""

    def plant(tiny: TinyCourse) -> None:
        source = source_of(tiny)
        change(source)
        save(tiny, source)

    return plant


def in_cell(grade_id: str, /, **values: Any) -> Callable[[TinyCourse], None]:
    return in_source(lambda source: at(source, grade_id).update(values))


def about(grade_id: str, /, **values: Any) -> Callable[[TinyCourse], None]:
    """A fault in what nbgrader keeps about a cell."""
    return in_source(lambda source: at(source, grade_id)["metadata"]["nbgrader"].update(values))


def meta(grade_id: str, /, **values: Any) -> Callable[[TinyCourse], None]:
    return in_source(lambda source: at(source, grade_id)["metadata"].update(values))


def attach(grade_id: str, name: str, text: str, shown: bool) -> Callable[[TinyCourse], None]:
    data = {name: {"text/plain": base64.b64encode(text.encode()).decode()}}
    words = f"![]({'attachment:' + name if shown else name})"
    return in_cell(grade_id, attachments=data, source=words)


def grader(old: str, new: str) -> Callable[[TinyCourse], object]:
    assert old in GRADERS
    return lambda tiny: tiny.write("graders/tiny/test_tiny.py", GRADERS.replace(old, new))


def both(*plants: Callable[[TinyCourse], object]) -> Callable[[TinyCourse], object]:
    return lambda tiny: [plant(tiny) for plant in plants]


def configure(line: str) -> Callable[[TinyCourse], object]:
    return lambda tiny: tiny.configure(line)


def remove(path: str) -> Callable[[TinyCourse], object]:
    return lambda tiny: (tiny.root / path).unlink()


def write(path: str, text: str) -> Callable[[TinyCourse], object]:
    return lambda tiny: tiny.write(path, text)


def case(name: str, text: str, items: dict[str, Any], **more: Any) -> Callable[[TinyCourse], None]:
    return lambda tiny: write_case(tiny, name, text, items, **more)


def link_a_helper(tiny: TinyCourse) -> None:
    target = tiny.write("lib/helper.py", "def sum_of(x):\n    return x+x\n")
    (tiny.root / "source/tiny/helper.py").symlink_to(target)


def zip_a_solution(tiny: TinyCourse) -> None:
    with zipfile.ZipFile(tiny.root / "source/tiny/starter.zip", "w") as archive:
        archive.writestr("done.py", "def mean(n):\n    return sum(numbers) / len(numbers)\n")


OTHER_CASE = '{"notebook": "big", "right": true, "about": "", "items": {}}'
OUTPUT = [{"output_type": "stream", "name": "stdout", "text": "4"}]
KEEP_OUTPUTS = configure("c.ClearOutput.enabled = False")
HOOK = """
import pathlib, secrets
def hook(**about):
    pathlib.Path(__file__).with_name('source').joinpath('tiny/token').write_text(secrets.token_hex(8))
c.GenerateAssignment.pre_convert_hook = hook
"""
SLOWLY = """\
def double(x):
    ### BEGIN SOLUTION
    y = x
    y += x
    return y
    ### END SOLUTION
"""
IDLE = cell("code", "def double(x):\n    return x + x", "double", solution=False, locked=True)
HIDDEN = "double(2)\n### BEGIN HIDDEN TESTS\nassert double(7) == 14\n### END HIDDEN TESTS"

# What can be seen without running anything
SEEN = {
    "solution_that_is_no_python": Plant(
        in_cell(
            "double",
            source="def double(x):\n    ### BEGIN SOLUTION\n    return x +\n    ### END SOLUTION",
        ),
        "it is no Python: invalid syntax, line 3. Correct it.",
        "cell `double`",
    ),
    "task_in_a_code_cell": Plant(
        both(
            in_cell("rule", cell_type="code", outputs=[], execution_count=None, source="1"),
            about("rule", task=True, points=2),
        ),
        "it is a task in a code cell; nbgrader takes tasks in Markdown alone",
        "cell `rule`",
    ),
    "words_with_points_and_no_answer": Plant(
        about("rule", grade=True, points=2), "Choose `Manually graded answer`", "cell `rule`"
    ),
    "a_passage_of_the_model_answer": Plant(
        in_cell("title", source=f"Think: {MODEL_ANSWER[7:]}"),
        "“weighs all numbers alike so one outlier moves it by as much as it is far away”",
        "cell 1 (`id-0`)",
    ),
    "solution_in_markdown": Plant(
        in_cell("title", source="As easy as `return x+x`."),
        "the text holds a line of the solution (tiny, cell `double`)",
        "cell 1 (`id-0`)",
    ),
    "solution_of_lines_that_say_little_alone": Plant(
        both(
            in_cell("double", source=SLOWLY),
            in_cell("title", source="Try `y = x; y += x`, or: y = x\ny += x\nreturn y"),
        ),
        "holds lines of the solution (tiny, cell `double`): `y = x ⏎ y += x ⏎ return y`",
        "cell 1 (`id-0`)",
    ),
    "solution_in_a_given_cell": Plant(
        in_cell("mean_tests", source="right = lambda numbers: 0\nreturn sum(numbers)/len(numbers)"),
        "the text holds a line of the solution (tiny, cell `mean`)",
        "cell `mean_tests`",
    ),
    "solution_in_cell_metadata": Plant(
        meta("rule", note={"todo": ["return x + x"]}),
        "its metadata holds a line of the solution (tiny, cell `double`)",
        "cell `rule`",
    ),
    "solution_in_notebook_metadata": Plant(
        in_source(lambda source: source["metadata"].update(draft="return x + x")),
        "its metadata holds a line of the solution (tiny, cell `double`)",
    ),
    "solution_in_an_attachment": Plant(
        attach("title", "key.txt", "mean: return sum(numbers) / len(numbers)", shown=True),
        "the attachment key.txt holds a line of the solution",
        "cell 1 (`id-0`)",
    ),
    "attachment_of_the_model_answer": Plant(
        attach("why", "sketch.png", "a picture", shown=False),
        "the attachment sketch.png is in it, but its text does not show it",
        "cell `why`",
    ),
    "solution_in_a_linked_helper_file": Plant(
        link_a_helper,
        "the text holds a line of the solution (tiny, cell `double`)",
        place="helper.py",
    ),
    "solution_in_a_json_file_in_a_subfolder": Plant(
        write("source/tiny/old/key.json", json.dumps({"done": "def double(x):\nreturn x + x"})),
        "the text holds a line of the solution (tiny, cell `double`)",
        place="old/key.json",
    ),
    "solution_in_a_file_named_like_the_notebook": Plant(
        write("source/tiny/tiny", "return sum(numbers) / len(numbers)"),
        "the text holds a line of the solution (tiny, cell `mean`)",
    ),
    "solution_in_a_zip": Plant(
        zip_a_solution, "its member done.py holds a line of the solution", place="starter.zip"
    ),
    "model_answer_in_markdown": Plant(
        in_cell("title", source="> " + MODEL_ANSWER.replace(", so", "\n>\n> so")),
        "the text holds a part of the solution (tiny, cell `why`)",
        "cell 1 (`id-0`)",
    ),
    "hidden_test_in_a_helper_file": Plant(
        write("source/tiny/check.py", GRADERS.partition("\n\n\n@probe")[0]),
        "the text holds lines of a hidden test (test_tiny.py): `numbers = ch",
        place="check.py",
    ),
    "name_of_a_hidden_test": Plant(
        in_cell("title", source="Mind test_double_of_negative_numbers."),
        "the text holds a hidden test's name (test_tiny.py)",
        "cell 1 (`id-0`)",
    ),
    "hidden_region_told_in_markdown": Plant(
        both(
            in_cell("double_tests", source=HIDDEN), in_cell("title", source="assert double(7)==14")
        ),
        "holds a line of a hidden test (tiny, cell `double_tests`)",
        "cell 1 (`id-0`)",
    ),
    "hidden_region_outside_a_grade_cell": Plant(
        in_cell("title", source="### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS"),
        "`BEGIN HIDDEN TESTS` stands outside a grade cell",
        "cell 1 (`id-0`)",
    ),
    "solution_region_outside_a_solution_cell": Plant(
        about("double", solution=False, locked=True),
        "`BEGIN SOLUTION` stands outside a solution cell",
        "cell `double`",
    ),
    "solution_region_without_end": Plant(
        in_cell("double", source="def double(x):\n    ### BEGIN SOLUTION\n    return x + x"),
        "`BEGIN SOLUTION` has no `END SOLUTION`",
        "cell `double`",
    ),
    "expected_value": Plant(
        both(
            grader(
                "expect_close(student.double(number), 2 * number)",
                "expect_close(student.double(12345), 24690)",
            ),
            in_cell("title", source="With 12,345 it is 24,690."),
        ),
        "the text holds an expected value (test_tiny.py): 24690",
        "cell 1 (`id-0`)",
    ),
    "expected_value_in_a_file_of_the_graders": Plant(
        both(
            write("graders/tiny/expected.json", '{"mean": 0.8125, "made": "in 2026"}'),
            in_cell("title", source="In 2026 the mean was 0.8125."),
        ),
        "the text holds an expected value (expected.json): 0.8125",
        "cell 1 (`id-0`)",
    ),
    "output_left": Plant(
        both(KEEP_OUTPUTS, in_cell("double_tests", outputs=OUTPUT)),
        "it has an output. Clear all outputs",
        "cell `double_tests`",
    ),
    "execution_count_left": Plant(
        both(KEEP_OUTPUTS, in_cell("double_tests", execution_count=7)),
        "it has the execution count 7",
        "cell `double_tests`",
    ),
    "widgets_left": Plant(
        in_source(lambda source: source["metadata"].update(widgets={"state": {"1": {}}})),
        "its metadata keep the state of widgets",
    ),
    "run_of_colab_left": Plant(
        meta("rule", executionInfo={"user": {"displayName": "A. Teacher"}}),
        "its metadata keep results of a run (`executionInfo`)",
        "cell `rule`",
    ),
    "cell_for_instructors_only": Plant(
        in_cell("title", source="**Instructor only:** last year most forgot the sign."),
        "the text says “Instructor only”",
        "cell 1 (`id-0`)",
    ),
    "cell_tagged_for_instructors_only": Plant(
        meta("rule", tags=["instructor-only"]), "its metadata says “instructor-only”", "cell `rule`"
    ),
    "wrong_points": Plant(
        about("double_tests", points=4),
        "it has 4 points, but contract.toml says 3",
        "cell `double_tests`",
    ),
    "wrong_sum_of_points": Plant(
        about("double_tests", points=4),
        "points add up to 13, but the total is 12",
        place="contract.toml",
    ),
    "changed_id": Plant(
        about("mean_tests", grade_id="average_tests"),
        "contract.toml has no grade cell of this id",
        "cell `average_tests`",
    ),
    "id_that_is_gone": Plant(
        about("mean_tests", grade_id="average_tests"),
        "contract.toml has it, but the notebook has no grade cell",
        "cell `mean_tests`",
    ),
    "hidden_test_of_an_id_that_is_gone": Plant(
        about("mean_tests", grade_id="average_tests"),
        "is of `mean_tests`, which is no grade cell",
        "cell `mean_tests`",
        place="test_tiny.py",
    ),
    "written_answer_made_autograded": Plant(
        in_source(
            lambda source: at(source, "why").update(
                cell("code", "1", "why", grade=True, locked=True, points=5)
            )
        ),
        "it is autograded, but contract.toml says written",
        "cell `why`",
    ),
    "duplicate_grade_ids": Plant(
        about("rule", grade_id="mean"),
        "another cell of the notebook has the same grade_id",
        "cell `mean`",
    ),
    "no_contract": Plant(
        remove("graders/tiny/contract.toml"),
        "total = 12\n\n[autograded.tiny]",
        place="contract.toml",
    ),
    "broken_contract": Plant(
        write("graders/tiny/contract.toml", "total = twelve"),
        "cannot be read",
        place="contract.toml",
    ),
    "lines_of_the_contract_below_its_tables": Plant(
        write("graders/tiny/contract.toml", f'{CONTRACT}\npublic = ["x"]\n'),
        "`public` stands below [written.tiny], and belongs at the head, above all tables. Correct",
        place="contract.toml",
    ),
    "notebook_that_is_not_in_the_contract": Plant(
        lambda tiny: tiny.write("source/tiny/more.ipynb", json.dumps(tiny_source())),
        "contract.toml does not know this notebook",
        place="more",
    ),
    "no_kernelspec": Plant(
        in_source(lambda source: source["metadata"].pop("kernelspec")), "it has no kernelspec"
    ),
    "another_kernelspec": Plant(
        in_source(lambda source: source["metadata"]["kernelspec"].update(name="my-laptop")),
        "its kernelspec is `my-laptop`, but the contract says `python3`",
    ),
    "invalid_notebook": Plant(in_cell("title", colour="red"), "it is no valid notebook"),
    "no_notebook_at_all": Plant(
        write("source/tiny/tiny.ipynb", "{}"), "it is no notebook of nbformat 4"
    ),
    "cell_without_id": Plant(
        in_source(lambda source: at(source, "rule").pop("id")),
        "it has no id, so each release would give it another one",
        "cell `rule`",
    ),
    "release_that_differs_from_itself": Plant(
        configure(HOOK), "two releases of the same source differ here", place="token"
    ),
    "no_hidden_tests": Plant(remove("graders/tiny/test_tiny.py"), "it has no hidden tests. Write "),
    "hidden_tests_that_are_no_python": Plant(
        write("graders/tiny/test_tiny.py", "def test("), "it is no Python", place="test_tiny.py"
    ),
    "item_without_a_hidden_test": Plant(
        grader('@graded("mean_tests")', '@graded("double_tests")'),
        "test_tiny.py has no test of it",
        "cell `mean_tests`",
    ),
    "submission_without_a_score": Plant(
        case("mean__x", "mean = 0", {"mean_tests": {"verdict": "failed", "score": None}}),
        "it leaves the score of `mean_tests` open",
        place="mean__x/scorecard.json",
    ),
    "submission_for_another_notebook": Plant(
        write("tests/cases/tiny/x__y/scorecard.json", OTHER_CASE),
        "its notebook is `big`, which is not among the sources",
        place="x__y/scorecard.json",
    ),
    "no_right_submission": Plant(
        remove("tests/cases/double__times_two/scorecard.json"),
        "test_tiny.py has no right case that it should accept",
    ),
    "no_wrong_submission": Plant(
        remove("tests/cases/mean__one_too_many/scorecard.json"),
        "test_tiny.py has no wrong case that should lose its points",
        "cell `mean_tests`",
    ),
    "submission_of_a_cell_that_is_gone": Plant(
        case("triple__x", "triple = 3", {}), "has no cell triple", place="triple__x/scorecard.json"
    ),
    "wrong_submission_that_loses_nothing": Plant(
        case("mean__one_too_many", "mean = 0", {}, right=False),
        "it is wrong, but loses none",
        place="mean__one_too_many/scorecard.json",
    ),
}

# What the box shows
RUN = {
    "broken_reference": Plant(
        in_cell(
            "mean",
            source="def mean(numbers):\n    ### BEGIN SOLUTION\n    return sum(numbers) / 2\n    ### END SOLUTION",
        ),
        "the reference gets 0 of 4 points (failed), where it should get all",
        "cell `mean_tests`",
    ),
    "grader_that_passes_everything": Plant(
        grader(
            '    expect_close(student.run(mean_of, numbers=numbers)["mean"], sum(numbers) / 7)',
            "    assert numbers",
        ),
        "the untouched release gets 4 of 4 points (passed), where it should get none",
        "cell `mean_tests`",
    ),
    "grader_that_passes_whatever_runs": Plant(
        grader(
            'expect_close(student.run(mean_of, numbers=numbers)["mean"], sum(numbers) / 7)',
            "student.run(mean_of, numbers=numbers)",
        ),
        "a wrong case (mean__one_too_many) gets 4 of 4 points (passed), where its scorecard.json says 0",
        "cell `mean_tests`",
    ),
    "grader_that_fails_everything": Plant(
        grader("sum(numbers) / 7)", "sum(numbers) / 8)"),
        "a right case (double__times_two) gets 0 of 4 points (failed)",
        "cell `mean_tests`",
    ),
    "grader_that_breaks": Plant(
        grader("numbers = challenge.rng.random(7).tolist()", "numbers = challenge.draw(7)"),
        "the reference is ungraded: no verdict for mean_tests: test_mean in tiny/test_tiny.py ended with "
        "AttributeError: 'Challenge' object has no attribute 'draw', line",
    ),
    "solution_given_away": Plant(
        in_source(lambda source: at(source, "double").update(IDLE)),
        "the untouched release gets 3 of 3 points (passed)",
        "cell `double_tests`",
    ),
    "submission_with_another_score": Plant(
        case(
            "double__adds_one",
            "def double(x):\n    return x + 1",
            {"double_tests": {"verdict": "failed", "score": 1}},
        ),
        "gets 0 of 3 points (failed), where its scorecard.json says 1",
        "cell `double_tests`",
    ),
}
