"""Which form of the wall is taken: the strongest that can be built, and none weaker than a course allows."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from autograder.errors import BoxUnavailable
from autograder.sandbox import BoxSettings, check_wall, forms, wall
from autograder.sandbox.settings import BUBBLEWRAP, BUBBLEWRAP_PROC, LANDLOCK, WALLS
from tests.sandbox.here import needs


class Here:
    """What can be built on a machine of the tests' own."""

    def __init__(self) -> None:
        self.buildable: set[str] = set()
        self.tried: list[str] = []

    def build(self, form: str, _gpu: int | None) -> str:
        self.tried.append(form)
        if form not in self.buildable:
            raise BoxUnavailable(f"no {form}")
        return f"{form} it is"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    machine = Here()
    monkeypatch.setattr(forms, "_try", machine.build)
    monkeypatch.delenv(forms.ONLY, raising=False)
    forms._built.cache_clear()
    yield machine
    forms._built.cache_clear()


@pytest.mark.parametrize("weakest", WALLS)
@pytest.mark.parametrize("best", WALLS)
def test_the_strongest_form_is_taken_and_none_weaker_than_allowed(
    weakest: str, best: str, here: Here
) -> None:
    here.buildable = set(WALLS[WALLS.index(best) :])
    settings = BoxSettings(wall=weakest)
    if WALLS.index(best) > WALLS.index(weakest):
        with pytest.raises(BoxUnavailable, match="no bubblewrap"):
            check_wall(weakest=weakest)
        assert best not in here.tried
    else:
        assert check_wall(weakest=weakest) == f"{best} it is"
        assert forms.form_of(settings) == best


def test_every_reason_is_said_where_nothing_can_be_built(here: Here) -> None:
    with pytest.raises(BoxUnavailable, match="no bubblewrap no bubblewrap-proc no landlock"):
        forms.form_of(BoxSettings(wall=LANDLOCK))


@needs(BUBBLEWRAP, why="this run has changed the default itself")
def test_a_course_that_says_nothing_demands_the_strongest() -> None:
    assert BoxSettings.class_traits()["wall"].default_value == BUBBLEWRAP


def test_one_form_can_be_asked_for_but_not_against_the_course(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.buildable = set(WALLS)
    monkeypatch.setenv(forms.ONLY, LANDLOCK)
    assert forms.form_of(BoxSettings(wall=LANDLOCK)) == LANDLOCK
    with pytest.raises(BoxUnavailable, match="AUTOGRADER_WALL=landlock"):
        forms.form_of(BoxSettings(wall=BUBBLEWRAP_PROC))


@pytest.mark.parametrize("form", [LANDLOCK, "paper"])
def test_a_warm_process_of_a_weaker_form_is_not_joined(form: str) -> None:
    with pytest.raises(BoxUnavailable, match="this course demands 'bubblewrap'"):
        forms.allowed(form, BoxSettings(wall=BUBBLEWRAP))


def test_what_a_form_lacks_is_said_of_each() -> None:
    assert set(forms.LACKS) == set(WALLS)
    assert [form for form, text in forms.LACKS.items() if not text] == [BUBBLEWRAP]


@pytest.mark.parametrize(("inside", "said"), [(True, "This container"), (False, "Ubuntu 24.04")])
def test_an_ordinary_user_is_told_what_serves_where_he_is(
    inside: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall, "as_root", lambda: False)
    monkeypatch.setattr(os.path, "exists", lambda path: inside and "containerenv" in str(path))
    for name in ("container", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    assert said in wall._why_not("bwrap: no")
