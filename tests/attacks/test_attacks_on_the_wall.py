"""Reading, escaping and tampering: every attack is held in a box, and works where nothing holds it."""

from __future__ import annotations

import os

import pytest

from autograder.sandbox import BoxSettings, open_box
from autograder.sandbox.settings import BUBBLEWRAP
from tests.attacks.attack import Attack, Tried, cells_of, tried_in_box, tried_plainly
from tests.attacks.escaping import ESCAPING, TAMPERING
from tests.attacks.reading import READING
from tests.attacks.targets import Targets
from tests.sandbox.here import FORM

ATTACKS = [*READING, *ESCAPING, *TAMPERING]
SHOWN = [attack for attack in ATTACKS if attack.plain]

parametrize_attacks = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)


@pytest.fixture(scope="module", params=["warm", "cold"])
def boxed(
    request: pytest.FixtureRequest, targets: Targets, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Tried]:
    """How every attack ended in one box, forked from the warm process or started from nothing."""
    data = tmp_path_factory.mktemp("data")
    data.chmod(0o755)
    (data / "labels").write_text("1")
    (data / "labels").chmod(0o666)
    settings = BoxSettings()
    settings.warm = request.param == "warm"
    with open_box(settings, cells_of(ATTACKS, targets.at), data=data) as box:
        return tried_in_box(box, ATTACKS)


@pytest.fixture(scope="module")
def plain(targets: Targets) -> dict[str, Tried]:
    """How the same attacks ended in plain processes of this user's."""
    return tried_plainly(SHOWN, targets.at, targets.inherited)


@parametrize_attacks
def test_is_held(attack: Attack, boxed: dict[str, Tried]) -> None:
    tried = boxed[attack.name]
    if FORM in attack.open_to:
        assert tried.worked, f"held after all, against docs/security.md: {tried.said}"
        return
    assert not tried.worked, f"{attack.name} WORKED: {tried.said}"
    # Landlock does not take away what is there: it refuses it.
    refusals = ("EACCES", "EPERM", "PermissionError", "EAFNOSUPPORT") if FORM != BUBBLEWRAP else ()
    assert any(word in tried.said for word in (attack.refused, *refusals)), tried.said


@pytest.mark.parametrize("attack", SHOWN, ids=lambda attack: attack.name)
def test_works_where_nothing_holds_it(attack: Attack, plain: dict[str, Tried]) -> None:
    tried = plain[attack.name]
    if attack.plain == "root" and os.getuid() != 0:
        pytest.skip("shown only to work for the host's root")
    if attack.may_fail and not tried.worked:
        pytest.skip(f"this machine refuses it in a plain process, too: {tried.said}")
    assert tried.worked, tried.said


def test_an_attack_that_is_not_shown_says_why() -> None:
    assert [attack.name for attack in ATTACKS if not attack.plain and not attack.why] == []
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
