"""What is alike, on the corpus of cases: right styles stay apart, variants of one line are found."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from autograder.course import load_course
from autograder.course.cells import grade_id_of
from autograder.release.cases import Case, read_cases, submission_of
from autograder.similarity.compare import Comparison, Pair, Shared, Unit, clusters, compare
from autograder.similarity.tokens import tokens

ROOT = Path(__file__).parent.parent.parent
CASES = read_cases(ROOT / "tests" / "cases")
SOURCES = load_course(ROOT).notebooks("vgg16")
ITEMS = (
    "train_epoch", "fit", "validate", "swap_head", "make_loaders", "make_transform", "kernel_mosaic",
    "channel_mosaic", "plot_history", "copy_kernels",
)  # fmt: skip
# Cases that were made from one text, with another name or word here and there.
ONE_TEXT = {
    "train_epoch": (
        "reference",
        "names_in_other_scripts",
        "cuda_moves_behind_a_guard",
        "double_precision_by_default",
    ),
    "fit": ("leaves_evaluation_mode", "remembers_the_best_accuracy"),
    "validate": ("a_set_tensor", "image_by_image_with_vmap"),
    "swap_head": ("head_of_zeros", "in_evaluation_mode"),
    "plot_history": ("labels_in_german", "says_what_it_is_not"),
}


def right_styles(item: str) -> dict[str, str]:
    """Right solutions of one item: by people who were asked to write it in other ways, and the reference."""
    source = SOURCES[next(iter(case.notebook for case in cases_of(item)))]
    reference = next(
        cell.source for cell in submission_of(source).cells if grade_id_of(cell) == item
    )
    named = {
        case.name.partition("__")[2]: case.cells[item] for case in cases_of(item) if case.right
    }
    return {"reference": reference, **named}


def cases_of(item: str) -> list[Case]:
    return [case for case in CASES.values() if {*case.cells} == {item}]


def base_of(item: str) -> str:
    source = SOURCES[cases_of(item)[0].notebook]
    return str(source.released_cells()[item].source)


def compared(item: str, codes: dict[str, str]) -> Comparison:
    return compare(sorted(codes), [Unit("notebook", item, base_of(item), codes)])


def with_another_line(code: str) -> str:
    lines = code.splitlines()
    lines.insert(len(lines) // 2, "    already_seen = 3 + len('x')")
    return "\n".join(lines)


@pytest.mark.parametrize("item", ITEMS)
def test_right_styles_stay_apart(item: str) -> None:
    found = compared(item, right_styles(item))
    one_text = {frozenset(pair) for pair in itertools.combinations(ONE_TEXT.get(item, ()), 2)}
    shares = {
        frozenset((pair.one, pair.other)): pair.shared[0].share
        for pair in found.pairs
        if frozenset((pair.one, pair.other)) not in one_text
    }
    assert max(shares.values(), default=0.0) < 0.55, shares
    n = len(found.students)
    assert np.median([*shares.values(), *[0.0] * (n * (n - 1) // 2 - len(shares))]) < 0.1


@pytest.mark.parametrize("item", ITEMS)
def test_a_variant_of_one_line_is_found_first(item: str) -> None:
    styles = right_styles(item)
    for name in styles.keys() - {*ONE_TEXT.get(item, ())}:
        found = compared(item, {**styles, "copy": with_another_line(styles[name])})
        copies = [pair for pair in found.pairs if "copy" in (pair.one, pair.other)]
        assert {copies[0].one, copies[0].other} == {name, "copy"}, name
        others = [pair.shared[0].share for pair in copies[1:]]
        assert copies[0].shared[0].share > max(0.4, *others, 0.0), (name, copies)


def test_other_names_comments_and_spaces_hide_nothing() -> None:
    styles = right_styles("validate")
    code = styles["reference"]
    for name in ("loader", "total", "net", "images", "labels"):
        code = code.replace(name, f"my_{name}_42")
    code = "\n".join(f"{line}  # mine" for line in code.splitlines())
    found = compared("validate", {**styles, "copy": code})
    assert {found.pairs[0].one, found.pairs[0].other} == {"reference", "copy"}
    assert found.pairs[0].shared[0].share > 0.95


def numbers(seed: int, lines: int = 12) -> str:
    rng = np.random.default_rng(seed)
    names = ["sum", "mean", "max", "item", "view", "flatten", "clone", "abs"]
    return "\n".join(
        f"x = y.{names[a]}({b}) {'+-*/'[c]} z.{names[d]}"
        for a, b, c, d in rng.integers((8, 1000, 4, 8), size=(lines, 4))
    )


def test_the_release_and_what_many_have_is_subtracted() -> None:
    release, lecture = numbers(0), numbers(1)
    codes = {f"s{n:02}": f"{release}\n{numbers(100 + n)}" for n in range(20)}
    for name in list(codes)[:5]:  # more than a fifth of the class
        codes[name] += f"\n{lecture}"
    found = compare([*codes], [Unit("n", "item", release, codes)])
    assert all(pair.shared[0].share < 0.1 for pair in found.pairs)  # by chance
    for name in ("s10", "s11"):
        codes[name] += f"\n{numbers(2)}"
    found = compare([*codes], [Unit("n", "item", release, codes)])
    assert (found.pairs[0].one, found.pairs[0].other) == ("s10", "s11")
    assert found.pairs[0].shared[0].share > 0.4
    same, plain = found.units[0].marked_lines("s10", "s11")
    assert plain >= {*range(11)}
    assert same >= {*range(25, 36)}
    assert not same & plain


def test_the_release_says_nothing_also_where_few_have_left_it() -> None:
    release = numbers(0)
    codes = {f"s{n:02}": numbers(100 + n) for n in range(20)}
    for name in ("s00", "s01"):
        codes[name] += f"\n{release}"
    found = compare([*codes], [Unit("n", "item", release, codes)])
    assert all(pair.shared[0].share < 0.1 for pair in found.pairs)


def test_short_items_say_nothing() -> None:
    codes = {f"s{n}": "def f(a, b):\n    return a * b + b - a" for n in range(3)}
    codes |= {f"s{n}": numbers(n) for n in range(3, 9)}
    pairs = compare([*codes], [Unit("n", "item", "", codes)]).pairs
    assert not [pair for pair in pairs if {pair.one, pair.other} <= {"s0", "s1", "s2"}]


def test_pairs_add_up_over_items_and_are_in_order() -> None:
    units = []
    for number in range(3):
        codes = {f"s{n:02}": numbers(1000 * number + n) for n in range(12)}
        codes["s05"] = codes["s06"]
        if number:
            codes["s01"] = codes["s02"]
        units.append(Unit("n", f"item{number}", "", codes))
    found = compare([f"s{n:02}" for n in range(12)], units)
    assert [(p.one, p.other, len(p.shared)) for p in found.pairs] == [
        ("s05", "s06", 3),
        ("s01", "s02", 2),
    ]
    assert all(one.equal for one in found.pairs[0].shared)
    assert found.pairs[0].weight == pytest.approx(sum(one.weight for one in found.pairs[0].shared))
    assert found.below(found.pairs[0].weight) == (65, 66)
    assert found.nearest[6] == found.pairs[0].weight
    reversed_class = compare([f"s{n:02}" for n in range(11, -1, -1)], units)
    assert {(p.one, p.other) for p in reversed_class.pairs} == {("s06", "s05"), ("s02", "s01")}


def test_groups_are_not_compared_and_random_ids_are_counted() -> None:
    codes = {f"s{n}": numbers(n) for n in range(6)} | {"s1": numbers(0), "s2": numbers(0)}
    ids = {"s0": {"a1b2c3d4"}, "s2": {"a1b2c3d4", "ffffffff"}, "s3": {"ffffffff"}}
    found = compare([*codes], [Unit("n", "item", "", codes)], [frozenset(("s0", "s1"))], ids)
    assert [(pair.one, pair.other, pair.cells) for pair in found.pairs] == [
        ("s0", "s2", 1),
        ("s1", "s2", 0),
    ]


def test_clusters_hang_together() -> None:
    half, less = (Shared(0, 1.0, share, False) for share in (0.5, 0.4))
    pairs = [Pair(a, b, 1.0, (half,)) for a, b in (("a", "b"), ("b", "c"), ("x", "y"), ("c", "d"))]
    assert clusters([*pairs, Pair("d", "x", 1.0, (less,))]) == [["a", "b", "c", "d"]]


@pytest.mark.parametrize(
    "source", ["'", '"""', "%%bash\nls | wc", "if (", "\x00ä→ = 'x", "", "f'{a!r:>{b}}'"]
)
def test_no_cell_can_make_the_lexer_raise(source: str) -> None:
    assert "".join(token.text for token in tokens(source)) in source.replace(" ", "").replace(
        "\n", ""
    )


def test_what_tokens_keep() -> None:
    found = tokens('def f(x):\n    """Doc."""\n    return x.sum() + 2  # two\n')
    assert [token.kind for token in found] == [
        "def", "name", "(", "name", ")", ":", "return", "name", ".", "sum", "(", ")", "+", "2",
    ]  # fmt: skip
    assert [token.line for token in found] == [0] * 6 + [2] * 8
