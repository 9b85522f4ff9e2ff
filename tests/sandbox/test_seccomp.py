"""The filter's numbers are the kernel's own: a wrong one would refuse one call and let another through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autograder.guest import box_seccomp

# Debian's package linux-libc-dev has both tables on every processor, or at least its own.
TABLES = {
    "x86_64": (
        Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        Path("/usr/include/asm/unistd_64.h"),
    ),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"),),
}
GONE = {"lookup_dcookie"}  # which Linux took out in 6.8, with its line in the newest headers
LATE = {"memfd_secret": 447, "quotactl_fd": 443, "mount_setattr": 442, "process_madvise": 440}


def numbers(machine: str) -> dict[str, int]:
    """The kernel's table of a processor, from its headers."""
    path = next((path for path in TABLES[machine] if path.is_file()), None)
    if path is None:
        pytest.skip(f"the kernel's headers for {machine} are not installed (linux-libc-dev)")
    defined = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", path.read_text(), re.MULTILINE)
    return {name: int(number) for name, number in defined}


@pytest.mark.parametrize("machine", TABLES)
def test_refused_calls_have_the_numbers_of_the_kernels_headers(machine: str) -> None:
    table = numbers(machine)
    refused = box_seccomp._DENIED[machine]
    known = {name: table[name] for name in refused if name in table}
    assert known == {name: refused[name] for name in known}
    missing = refused.keys() - known.keys()
    assert missing <= GONE | LATE.keys(), "headers from before these calls, or a name that is none"
    assert {name: refused[name] for name in missing & LATE.keys()} == {
        name: LATE[name] for name in missing & LATE.keys()
    }


@pytest.mark.parametrize("machine", TABLES)
def test_calls_that_reach_what_is_shared_have_their_numbers(machine: str) -> None:
    table = numbers(machine)
    assert box_seccomp._SHARED[machine] == {
        name: table[name] for name in box_seccomp._SHARED[machine]
    }
    assert box_seccomp._PRCTL[machine] == table["prctl"]


@pytest.mark.parametrize("machine", TABLES)
def test_calls_whose_arguments_are_looked_at_have_their_numbers(machine: str) -> None:
    table = numbers(machine)
    assert box_seccomp._CLONE[machine] == table["clone"]
    assert table["clone3"] == box_seccomp._CLONE3
    assert box_seccomp._SOCKET[machine] == table["socket"]
    assert box_seccomp._SETSOCKOPT[machine] == table["setsockopt"]


def test_every_processor_refuses_the_same_calls() -> None:
    x86, arm = box_seccomp._DENIED["x86_64"].keys(), box_seccomp._DENIED["aarch64"].keys()
    assert x86 ^ arm <= GONE
