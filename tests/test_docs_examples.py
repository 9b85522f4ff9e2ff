"""The examples in the pages are run: hidden tests, configurations, and the first hidden test step by step."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import linecache
import pickle
import shlex
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from autograder.calibration import thresholds
from autograder.calibration.runs import RIGHT, load_calibration
from autograder.cli import main
from autograder.course import load_course
from autograder.data import DRAWN_CLASSES, draw_images, load_images
from autograder.errors import KitError
from autograder.grading import BonusFile
from autograder.grading.plugin import judge
from autograder.sandbox import check_wall
from autograder.scorecard import Verdict
from tests.graders.fake_box import FakeBox
from tests.test_docs import DOCS, PAGES, ROOT, Block, blocks, commands_in, console_lines
from tests.tiny_course import CONFIG, TinyCourse, cell

IMPORTS = "import torch\nfrom autograder.grading import *\n"
HIDDEN_TEST = "a hidden test"

# For each hidden test that a page shows, by its grade cell: a right solution and a wrong one.
SWAP_HEAD = """
from torch import nn
def swap_head(net, num_classes=10):
    net.classifier[-1] = nn.Linear(4096, {})
    return net
"""
SOLUTIONS = {
    "swap_head_tests": (SWAP_HEAD.format("num_classes"), SWAP_HEAD.format("10")),
    "halved_tests": (
        "def halved(values):\n    return [v / 2 for v in values]",
        "def halved(values):\n    return list(values)",
    ),
    "brightest_tests": (
        "def brightest(images):\n    return int(images.mean(dim=(1, 2, 3)).argmax())",
        "def brightest(images):\n    return int(images.amax(dim=(1, 2, 3)).argmax())",
    ),
}
KNOWN = {HIDDEN_TEST, "course_config.py", "nbgrader_config.py", "calibrate.py", "workers.py"}
KNOWN |= {"convert.py"}
KNOWN |= {
    "hidden tests of an LSTM",
    "a mistake of one's own",
    "a short run, beside the hidden tests",
    "calibrate.py of a short run",
    "a helper that only draws",
    "solution cell brightest",
    "grade cell brightest_tests",
    # in tests/release/test_new.py
    "graders/spirals/spiral_task.py",
    "graders/spirals/test_1_train.py",
}


def python_blocks() -> list[Any]:
    return [
        pytest.param(block, id=f"{path.name}-{block.title or block.text[:20]}-{number}")
        for path in PAGES
        for number, block in enumerate(blocks(path))
        if block.language == "python"
    ]


EXAMPLES = python_blocks()


def those(title: str) -> list[Any]:
    return [example for example in EXAMPLES if example.values[0].title == title]


@pytest.mark.parametrize("block", EXAMPLES)
def test_an_example_says_what_it_is_and_is_python(block: Block) -> None:
    assert block.title in KNOWN or block.title.startswith("tests/"), "no test runs this one"
    compile(block.text, block.title, "exec")


HIDDEN_TESTS = [e for e in those(HIDDEN_TEST) if "@bonus" not in e.values[0].text]
BONUSES = [e for e in those(HIDDEN_TEST) if "@bonus" in e.values[0].text]


@pytest.mark.parametrize("block", HIDDEN_TESTS)
def test_a_hidden_test_tells_right_from_wrong(block: Block, tmp_path: Path) -> None:
    grader = tmp_path / "test_example.py"
    grader.write_text(IMPORTS + block.text)
    grade_id = block.text.partition('@graded("')[2].partition('"')[0]
    for solution, verdict in zip(SOLUTIONS[grade_id], ("passed", "failed"), strict=True):
        judged = judge(grader, FakeBox({grade_id: solution}), b"secret", "submission")
        (check,) = judged.checks[grade_id]
        assert check.verdict.value == verdict, check.staff_detail or judged.trouble
    assert check.message


def test_a_bonus_looks_at_its_file(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save

    (example,) = BONUSES
    grader = tmp_path / "test_example.py"
    grader.write_text(IMPORTS + example.values[0].text)
    file = tmp_path / "weights.safetensors"
    for numbers, verdict in ((torch.rand(4, 3), "passed"), (torch.ones(4, 3), "failed")):
        file.write_bytes(save({"layer.weight": numbers}))
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        files = {"weights_bonus": BonusFile(file, digest, max_mib=1)}
        judged = judge(grader, FakeBox({}), b"secret", "submission", bonus_files=files)
        (check,) = judged.checks["weights_bonus"]
        assert check.verdict.value == verdict, check.staff_detail or judged.trouble


@pytest.mark.parametrize("block", those("course_config.py"))
def test_a_configuration_is_read(block: Block, tmp_path: Path) -> None:
    tiny = TinyCourse(tmp_path)
    whole = "configure(c" in block.text
    tiny.write("course_config.py", block.text if whole else CONFIG + block.text)
    config = load_course(tiny.root).config
    lines = [line for line in block.text.splitlines() if line.startswith("c.")]
    assert lines
    for line in lines:
        for name in line.split(" = ")[:-1]:
            _, kind, setting = name.split(".")
            assert setting in config[kind]


def test_nbgrader_is_pointed_to_the_course_in_the_same_words() -> None:
    (block,) = [example.values[0] for example in those("nbgrader_config.py")]
    assert (
        block.text.strip() == (ROOT / "nbgrader_config.py").read_text().partition("  #")[0].strip()
    )


def test_what_is_offered_to_calibrate_gets_a_threshold(tmp_path: Path) -> None:
    (block,) = [example.values[0] for example in those("calibrate.py")]
    tiny = TinyCourse(tmp_path)
    tiny.write("graders/tiny/calibrate.py", block.text)
    course = load_course(tiny.root)
    calibration = load_calibration(course, "tiny")
    runs = {(RIGHT, seed): calibration.right(seed) for seed in range(200)}
    wrong = {(name, n): run(n) for name, run in calibration.wrong.items() for n in range(50)}
    entry = thresholds.summary(calibration, {**runs, **wrong})
    thresholds.write(course, "tiny", calibration, entry)
    written = json.loads((tiny.root / "graders/tiny/thresholds.json").read_text())
    assert 0 < written["estimate"]["drawn"]["error"] < 2
    assert 0 < entry["found"]["power"]["only the first number"]["all"] < 1


def test_a_folder_in_cifar10s_format_is_converted(tmp_path: Path) -> None:
    pixels, labels = draw_images(60, 1)
    for i, name in enumerate(("data_batch_1", "data_batch_2", "test_batch")):
        part = slice(20 * i, 20 * i + 20)
        rows = pixels[part].transpose(0, 3, 1, 2).reshape(20, -1)
        batch = {"data": rows, "labels": labels[part].tolist()}
        (tmp_path / name).write_bytes(pickle.dumps(batch))
    (tmp_path / "batches.meta").write_bytes(pickle.dumps({"label_names": list(DRAWN_CLASSES)}))
    (block,) = [example.values[0] for example in those("convert.py")]
    with contextlib.chdir(tmp_path):
        exec(block.text, {})
    for train, part in ((True, slice(40)), (False, slice(40, None))):
        images = load_images(tmp_path, train=train)
        assert np.array_equal(images.data, pixels[part])
        assert images.targets == labels[part].tolist()
        assert images.classes == list(DRAWN_CLASSES)


LSTM_LOOP = """
def train(model, batches, loss_function, optimizer):
    model.train()
    total = count = 0
    for sentences, labels in batches:
        optimizer.zero_grad()
        loss = loss_function(SCORES, labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        count += len(labels)
    return total / count
"""


@pytest.mark.parametrize(
    ("line", "wrong", "named"),
    [
        ("SCORES", "model(sentences)", ""),
        ("        optimizer.zero_grad()\n", "", "never set to zero between batches"),
        ("SCORES", "model(sentences).softmax(1)", "softmax were applied before the loss"),
        ("SCORES", "model(sentences) / 10", "the scores were divided by 10"),
    ],
)
def test_the_training_check_of_the_page_judges_loops(line: str, wrong: str, named: str) -> None:
    from autograder.grading import Challenge, Device, Mismatch, Student

    hidden: dict[str, Any] = {}
    for title in ("hidden tests of an LSTM", "a mistake of one's own"):
        (block,) = [example.values[0] for example in those(title)]
        run_as_a_file(block.text, hidden)
    notebook = LSTM_LOOP.replace(line, wrong).replace("SCORES", "model(sentences)")
    student = Student(FakeBox({"notebook": notebook}))
    check = hidden["test_each_batch_makes_one_step"]
    if not named:
        check(student, Challenge(b"s", "s", "t"), Device())
        hidden["test_the_result_is_the_mean_loss"](student, Challenge(b"s", "s", "t"), Device())
        return
    with pytest.raises(Mismatch, match=named):
        check(student, Challenge(b"s", "s", "t"), Device())


def test_the_short_run_of_the_page_is_offered_to_calibrate() -> None:
    names: dict[str, Any] = {}
    for title in (
        "hidden tests of an LSTM",
        "a mistake of one's own",
        "a short run, beside the hidden tests",
        "calibrate.py of a short run",
    ):
        (block,) = [example.values[0] for example in those(title)]
        run_as_a_file(block.text, names)
    offered = names["calibration"](None)
    figures = offered.right(1)
    assert figures is not None
    assert figures["loss_ratio"] < 1
    assert set(figures) == {"loss_ratio", "accuracy"}
    assert "the scores were divided by 10 before the loss" in offered.wrong


def run_as_a_file(text: str, names: dict[str, Any]) -> None:
    """Run a block so that functions' sources can be read, as those of a file."""
    name = f"<example {hash(text)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), names)


# the page for who teaches, from top to bottom


class Reader:
    """Does what the page says, in a scratch folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # where the page has brought us
        self.exits: dict[str, int] = {}
        self.shown = ""

    def do(self, block: Block) -> None:
        kind, _, name = block.title.partition(" cell ")
        if block.language == "console":
            for line in console_lines(block.text):
                for words in commands_in(line):
                    self.type(words)
        elif kind in ("solution", "grade"):
            self.add_cell(block.text.rstrip(), name, grade=kind == "grade")
        elif block.title == HIDDEN_TEST:
            self.add_hidden_test(block.text)
        elif block.title:
            file = self.folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)

    def type(self, words: list[str]) -> None:
        if words[0] == "autograder":
            with contextlib.chdir(self.folder):
                result = CliRunner().invoke(main, words[1:])
            self.exits[" ".join(words)] = result.exit_code
            self.shown += result.output
        elif words[0] == "cd":
            self.folder /= words[1]
        else:
            subprocess.run(shlex.join(words), shell=True, cwd=self.folder, check=True)

    def add_cell(self, source: str, grade_id: str, *, grade: bool) -> None:
        path = self.folder / "source/lenses/1_standardise.ipynb"
        notebook = json.loads(path.read_text())
        about = {"grade": True, "locked": True, "points": 2} if grade else {"solution": True}
        notebook["cells"].append({**cell("code", source, grade_id, **about), "id": grade_id})
        path.write_text(json.dumps(notebook))

    def add_hidden_test(self, text: str) -> None:
        path = self.folder / "graders/lenses/test_1_standardise.py"
        imports = "    expect_close,\n    expect_equal,\n    expect_type,\n"
        path.write_text(path.read_text().replace("    expect_close,\n", imports) + "\n\n" + text)


def test_who_follows_the_page_comes_to_an_assignment_that_grades(tmp_path: Path) -> None:
    try:
        check_wall()
    except KitError as error:
        pytest.skip(str(error))
    page = DOCS / "teach.md"
    steps = page.read_text().partition("## More notebooks")[0]
    (tmp_path / "steps.md").write_text(steps)
    reader = Reader(tmp_path)
    for block in blocks(tmp_path / "steps.md"):
        reader.do(block)
    lost_points = {"autograder score release/lenses"}
    trouble = {command: code for command, code in reader.exits.items() if code}
    assert trouble == dict.fromkeys(lost_points, 1), reader.shown
    released = (reader.folder / "release/lenses/1_standardise.ipynb").read_text()
    assert "brightest" in released
    assert "argmax" not in released
    CliRunner().invoke(
        main,
        ["--course", str(reader.folder), "export", "lenses", "--output", str(tmp_path / "csv")],
    )
    with (tmp_path / "csv").open() as file:
        marks = {row["grade_id"]: (row["verdict"], row["score"]) for row in csv.DictReader(file)}
    passed = Verdict.PASSED.value
    assert marks == {"standardise_tests": (passed, "5"), "brightest_tests": (passed, "2")}
    feedback = reader.folder / "feedback/ada/lenses/1_standardise.html"
    assert "The image with the largest mean is found." in feedback.read_text()
