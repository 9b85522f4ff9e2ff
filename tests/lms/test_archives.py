"""Archives within bounds: what is out of them is named, and costs nobody else anything."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest

from autograder.errors import KitError
from autograder.lms import archives
from autograder.lms.archives import open_archive
from autograder.lms.platforms import read_hand_ins
from tests.lms.exports import ARCHIVES, NOTEBOOK, zipped


def left_out(path: Path) -> tuple[list[str], str]:
    with open_archive(path) as archive:
        return [member.path for member in archive.members], "\n".join(archive.left_out)


def test_paths_that_lead_out_are_left_out_and_named(tmp_path: Path) -> None:
    names = ("../up.ipynb", "/top.ipynb", "C:/disk.ipynb", "a/../../b.ipynb", "..\\windows.ipynb")
    path = zipped(tmp_path / "a.zip", {"ada/tiny.ipynb": NOTEBOOK} | dict.fromkeys(names, b"x"))
    members, said = left_out(path)
    assert members == ["ada/tiny.ipynb"]
    assert said.count("leads out of the archive") == len(names)


def test_names_and_paths_that_no_disk_holds_are_left_out(tmp_path: Path) -> None:
    names = ("a" * 256, "/".join(["a" * 200] * 21), "ada/\a.ipynb")
    path = zipped(tmp_path / "a.zip", {"ada/tiny.ipynb": NOTEBOOK} | dict.fromkeys(names, b"x"))
    members, said = left_out(path)
    assert members == ["ada/tiny.ipynb"]
    assert "longer than 255 bytes" in said
    assert "longer than 4096 bytes" in said
    assert "ada/\N{REPLACEMENT CHARACTER}.ipynb: its name has signs" in said


def test_links_passwords_and_equal_names_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    link = zipfile.ZipInfo("ada/link.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    locked = zipfile.ZipInfo("ada/locked.ipynb")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/hostname")
        archive.writestr(locked, b"x")
        archive.writestr("ada/tiny.ipynb", NOTEBOOK)
        archive.writestr("ada/TINY.ipynb", NOTEBOOK)
    content = path.read_bytes()
    at = content.index(
        b"PK\x01\x02", content.index(b"PK\x01\x02") + 4
    )  # the second in the directory
    path.write_bytes(content[: at + 8] + b"\x01" + content[at + 9 :])
    members, said = left_out(path)
    assert members == ["ada/TINY.ipynb"]
    assert "ada/link.ipynb: a link" in said
    assert "ada/locked.ipynb: it has a password" in said
    assert "ada/tiny.ipynb: ada/TINY.ipynb has the same name" in said


def test_bounds_of_size_and_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.zip", {"ada/a": b"0" * 3_000_000, "bao/b": os.urandom(2_000_000)})
    monkeypatch.setattr(archives, "_SMALL_MIB", 1)
    members, said = left_out(path)
    assert members == ["bao/b"]
    assert "ada/a: it would unpack to" in said
    monkeypatch.setattr(archives, "MAX_MEMBER_MIB", 1)
    assert left_out(path)[0] == []
    monkeypatch.setattr(archives, "MAX_MEMBERS", 1)
    with pytest.raises(KitError, match="would unpack to 2 files"):
        left_out(path)


def test_a_damaged_member_is_named_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("ada/tiny.ipynb", NOTEBOOK)
    path.write_bytes(path.read_bytes().replace(b'"cells"', b'"cellz"', 1))
    with (
        open_archive(path) as archive2,
        pytest.raises(KitError, match=r"ada/tiny\.ipynb is damaged"),
    ):
        archive2.members[0].read()


def test_what_is_no_zip_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"<html>Please log in")
    with pytest.raises(KitError, match="Download it again"):
        left_out(tmp_path / "a.zip")


def test_names_in_utf8_without_the_flag_are_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"Jörg/tiny.ipynb": NOTEBOOK})
    content = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        content[content.index(mark) + at] &= ~0x08
    path.write_bytes(bytes(content))
    assert left_out(path)[0] == ["Jörg/tiny.ipynb"]


def test_a_folder_is_read_as_its_archive(tmp_path: Path) -> None:
    (tmp_path / "top" / "ada").mkdir(parents=True)
    (tmp_path / "top" / "ada" / "tiny.ipynb").write_bytes(NOTEBOOK)
    (tmp_path / "top" / "ada" / "link").symlink_to("/etc/hostname")
    members, said = left_out(tmp_path / "top")
    assert members == ["ada/tiny.ipynb"]
    assert "ada/link: a link" in said


@pytest.mark.parametrize(
    ("platform", "file"),
    [
        ("moodle", "Bao_72_assignsubmission_file/x_71_assignsubmission_file/tiny.ipynb"),
        ("moodle", "Bao_72_assignsubmission_file_x_71_assignsubmission_file_tiny.ipynb"),
        ("canvas", "bao_72_9_lovelaceada_71_8_tiny.ipynb"),
        (
            "brightspace",
            "1-72 - Bao - Jul 1, 2026 930 PM/1-71 - Ada - Jul 1, 2026 930 PM/tiny.ipynb",
        ),
        (
            "blackboard",
            "H_72_attempt_2026-07-01-21-30-00_H_71_attempt_2026-07-01-21-30-00_tiny.ipynb",
        ),
        ("sakai", "H/Bao(72)/Submission attachment(s)/Ada(71)/Submission attachment(s)/tiny.ipynb"),
    ],
)
def test_no_file_can_say_that_it_is_another_students(
    platform: str, file: str, tmp_path: Path
) -> None:
    with open_archive(zipped(tmp_path / "a.zip", {file: NOTEBOOK})) as archive:
        (hand_in,), _ = read_hand_ins(platform, archive, ["tiny"])
    assert hand_in.user.removeprefix("1-") == "72"


def test_an_archive_of_another_platform_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", ARCHIVES["moodle"])
    with open_archive(path) as archive, pytest.raises(KitError, match="named as canvas names"):
        read_hand_ins("canvas", archive, ["tiny"])
