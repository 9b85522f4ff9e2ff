"""Settings that nothing follows: nbgrader's that the kit does not honour, and names that do not exist.

What a course sets and does not get is said once, by `doctor` and by `grade`, in a sentence with its repair.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from traitlets.config import Config, Configurable
from traitlets.config.loader import PyFileConfigLoader

from autograder.course.course import CONFIG, Course, CourseSettings
from autograder.course.markers import preprocessors_of_release
from autograder.errors import KitError

_NBGRADER_CONFIG = "nbgrader_config.py"
_CELL_TIME = ("Execute", "ExecutePreprocessor", "NotebookClient")  # who runs cells in nbgrader
_KIT = "the kit's box runs the cells"
_INSTEAD = {
    "kernel_name": "the box runs the Python that the kit is installed in; a notebook's kernelspec is in "
    "contract.toml",
    "startup_timeout": "see c.BoxSettings.start_wall_s",
    "allow_errors": "a cell that raises ends nothing in the box",
}
_BY_SECTION = {
    "OverwriteCells": "the kit puts back what is missing or changed, and says so on the page",
    "LimitOutput": "see c.BoxSettings.output_mib and outputs",
    "IgnorePattern": "see c.BoxSettings.output_mib and outputs",
    "SaveAutoGrades": "the kit writes the marks",
    "DeduplicateIds": "the kit finds out which of two cells is which",
    "OverwriteKernelspec": "the kit takes the source's",
}
_BY_NAME = {
    ("CourseDirectory", "notebook_id"): "the kit grades all notebooks of an assignment",
    ("CourseDirectory", "assignment_id"): "name the assignment on the command line",
    ("CourseDirectory", "max_file_size"): "see c.CourseSettings.max_notebook_mib",
    ("CourseDirectory", "max_dir_size"): "see c.CourseSettings.max_notebook_mib",
    ("ClearSolutions", "comment_mark"): "write the mark into the delimiters",
}


def unhonoured(course: Course, *own: type[Configurable]) -> list[str]:
    """What the course's configuration says and nothing follows, a sentence each.

    Args:
        own: the kit's own classes of settings, beside CourseSettings.
    """
    said = (*_unknown(course.config, (CourseSettings, *own)), *_without_effect(course))
    return [*(_in_its_file(course, text) for text in said), *_elsewhere(course)]


def _in_its_file(course: Course, text: str) -> str:
    """The sentence with the file that has the setting: a course that was adopted keeps nbgrader's own."""
    files = [course.root / CONFIG, course.root / _NBGRADER_CONFIG]
    name = text.partition(" ")[0].removeprefix("c.").rpartition(".")[2]
    of_kit, of_nbgrader = (path.is_file() and name in path.read_text() for path in files)
    return text.replace(CONFIG, _NBGRADER_CONFIG, 1) if of_nbgrader and not of_kit else text


def _unknown(config: Config, own: tuple[type[Configurable], ...]) -> Iterator[str]:
    """Names that no setting has, of the kit's own and of nbgrader's that are read here."""
    from nbgrader import coursedir, preprocessors

    names = {kind.__name__: kind for kind in own}
    for section in sorted(config):
        like = difflib.get_close_matches(section, names, n=1, cutoff=0.8)
        if like and section not in names and config[section]:
            yield f"c.{section} in course_config.py is no section of settings. Did you mean c.{like[0]}?"
    kinds = dict(names)
    for name in ("IncludeHeaderFooter", "InstantiateTests", "ClearSolutions", "ClearHiddenTests"):
        kinds[name] = getattr(preprocessors, name)
    kinds |= {"ClearMarkScheme": preprocessors.ClearMarkScheme}
    kinds |= {"CourseDirectory": coursedir.CourseDirectory}
    for section, kind in kinds.items():
        known = kind.class_trait_names(config=True)
        for name in sorted(config.get(section, {})):
            if name in known or (section, name) in _BY_NAME:
                continue
            followed = [other for other in known if (section, other) not in _BY_NAME]
            like = difflib.get_close_matches(name, followed, n=1)
            text = f"c.{section}.{name} in course_config.py is no setting, so nothing reads it."
            yield f"{text} Did you mean {like[0]}?" if like else f"{text} Take it out."


def _without_effect(course: Course) -> Iterator[str]:
    """nbgrader's settings that the kit's own way of grading has no use for."""
    config = course.config
    for section in _CELL_TIME:
        for name, value in sorted(config.get(section, {}).items()):
            if name != "timeout":
                reason = _INSTEAD.get(name, _KIT)
            elif not value or value <= 0:
                reason = "the box always has a limit; see c.BoxSettings.cell_wall_s"
            elif "cell_wall_s" in config.BoxSettings:
                reason = "c.BoxSettings.cell_wall_s decides"
            else:
                continue
            yield _sentence(section, name, reason)
    for section, reason in _BY_SECTION.items():
        for name in sorted(config.get(section, {})):
            yield _sentence(section, name, reason)
    for (section, name), reason in _BY_NAME.items():
        if name in config.get(section, {}):
            yield _sentence(section, name, reason)
    root = config.CourseDirectory.get("root")
    if root and Path(root).resolve() != course.root:
        yield _sentence(
            "CourseDirectory", "root", f"the course is where course_config.py lies, {course.root}"
        )
    yield from _own_preprocessors(config)


def _own_preprocessors(config: Config) -> Iterator[str]:
    """A course's own steps of a release may change texts; the kit would take that for a student's change."""
    try:
        kinds = preprocessors_of_release(config)
    except KitError as error:
        yield str(error)
        return
    for kind in kinds:
        if not kind.__module__.startswith("nbgrader."):
            yield (
                f"c.GenerateAssignment.preprocessors has {kind.__name__}, which is not nbgrader's: what it "
                "changes in locked cells is put back in submissions. Change the source instead."
            )


def _elsewhere(course: Course) -> Iterator[str]:
    """What nbgrader's own configuration file says beyond the course's: the kit does not read that one."""
    path = course.root / _NBGRADER_CONFIG
    if not path.is_file():
        return
    try:
        config = PyFileConfigLoader(_NBGRADER_CONFIG, path=str(course.root)).load_config()
    except Exception as error:
        yield f"{_NBGRADER_CONFIG} cannot be read: {type(error).__name__}: {error}. Correct it."
        return
    for section in sorted(config):
        for name, value in sorted(config[section].items()):
            if _text(course.config.get(section, {}).get(name)) != _text(value):
                yield (
                    f"c.{section}.{name} in {_NBGRADER_CONFIG} is for nbgrader's own commands only. Move it "
                    "to course_config.py, which both read."
                )


def _sentence(section: str, name: str, reason: str) -> str:
    return f"c.{section}.{name} in course_config.py has no effect: {reason}. Take it out."


def _text(value: object) -> str:
    """A setting as text, the same in two readings of one file."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
