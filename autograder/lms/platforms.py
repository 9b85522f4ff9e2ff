"""How each platform names what it hands out: a row of rules a platform, and one reader for all of them.

A rule is the pattern of a member's path in the archive that staff download. `user` is what the platform
calls a student (or a group), `name` the file's own name, which the student chose: so a rule takes the first
part of a path that fits, and no file can say that it is another student's.

Sources: Canvas's `content_zipper.rb`; Moodle's `mod/assign/classes/downloader.php`; Blackboard's help, and
nbgrader's example for it; scripts that people have published for Brightspace, Sakai and Gradescope.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import yaml

from autograder.errors import KitError
from autograder.lms.archives import Archive, Member, shown

_JUNK = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)")
_METADATA = "submission_metadata.yml"
_MAX_METADATA_MIB = 64


@dataclass(frozen=True)
class Rules:
    """How a platform names files.

    Attributes:
        files: a file of a student's.
        texts: what a student wrote there instead of handing in files, by how staff know it.
        time: of the `time` in a path, for strptime; in the course's zone.
        call: the fields by which students are called where a table knows them, the best first.
        resubmits: whether the platform adds `-1` to the name of a file that is handed in again.
    """

    files: re.Pattern[str]
    texts: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    time: str = ""
    call: tuple[str, ...] = ("login", "email", "number", "id")
    resubmits: bool = False


def _path(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


_CANVAS = r"(?:.*?/)??(?:(?P<who>[^/]*?)_)??(?:(?P<late>LATE)_)?(?P<user>\d+|anon_[^\W_]+)"
_MOODLE = r"(?:.*?/)??(?P<who>[^/]*?)_(?P<user>\d+)_assignsubmission_"
_SAKAI = r"(?:.*?/)??(?P<who>[^/]*)\((?P<user>[^()/]+)\)/"
_D2L = r"(?:.*?/)??(?P<user>\d+-\d+) - (?P<who>[^/]+?)"

PLATFORMS: dict[str, Rules] = {
    # The first two numbers between underscores, as Canvas itself looks for them in what comes back.
    "canvas": Rules(
        _path(_CANVAS + r"_(?P<file>\d+)_(?P<name>[^/]+)"),
        {"a text": _path(_CANVAS + r"_text\.html"), "a link": _path(_CANVAS + r"_link\.html")},
        resubmits=True,
    ),
    # Folders until 4.0 end with an underscore; names of people have none.
    "moodle": Rules(
        _path(_MOODLE + r"file(?:_/|/|_)(?P<name>.+)"),
        {"a text": _path(_MOODLE + r"onlinetext.*")},
        call=("email", "number", "login", "id"),
    ),
    "brightspace": Rules(
        _path(_D2L + r" - (?P<time>\w{3} \d\d?, \d{4} \d{3,4} [AP]M)(?:/| - )(?P<name>.+)"),
        time="%b %d, %Y %I%M %p",
    ),
    "blackboard": Rules(
        _path(r"(?:.*?/)??[^/]+?_(?P<user>[^_/]+)_[^_/\d]+_(?P<time>\d{4}(?:-\d\d){5})_(?P<name>[^/]+)"),
        {"a note": _path(r"(?:.*?/)??[^/]+?_(?P<user>[^_/]+)_[^_/\d]+_(?P<time>\d{4}(?:-\d\d){5})\.txt")},
        time="%Y-%m-%d-%H-%M-%S",
    ),
    "sakai": Rules(
        _path(_SAKAI + r"(?i:submission attachments?(?:\(s\))?)/(?P<name>.+)"),
        {
            "time": _path(_SAKAI + r"timestamp\.txt"),
            "a text": _path(_SAKAI + r"[^/]*(?i:submission ?text)\.(?:html|txt)"),
        },
        call=("login", "id"),
    ),
    # Folders; who is meant stands in a file of their own.
    "gradescope": Rules(
        _path(r"(?:.*?/)??(?P<user>submission_\d+)/(?P<name>.+)"), call=("email", "number", "id")
    ),
    "folders": Rules(_path(r"(?P<user>[^/]+)/(?P<name>.+)"), call=("id",)),
}  # fmt: skip


@dataclass
class HandIn:
    """What one student, or one group, handed in.

    Attributes:
        user: what the platform calls them.
        who: the name in the archive, as far as there is one.
        files: by name, with `/` between folders.
        submitted: a time as text, for `timestamp.txt`; empty where the archive has none.
        late: by the platform's own mark.
        people: a group's members, by field; only where the archive itself knows them.
        notes: for staff.
    """

    user: str
    who: str = ""
    files: dict[str, Member] = field(default_factory=dict)
    submitted: str = ""
    late: bool = False
    people: tuple[Mapping[str, str], ...] = ()
    notes: list[str] = field(default_factory=list)


def read_hand_ins(
    platform: str, archive: Archive, notebooks: Iterable[str]
) -> tuple[list[HandIn], list[str]]:
    """Who handed in what, by the platform's rules; of several attempts the last.

    Args:
        notebooks: the names of the assignment's notebooks, without `.ipynb`.

    Returns:
        what was handed in, and what is in the archive besides.

    Raises:
        KitError: when nothing in the archive is named as the platform does.
    """
    rules = PLATFORMS[platform]
    found: dict[str, HandIn] = {}
    besides: list[str] = []
    for member in archive.members:
        if _JUNK.search(member.path):
            continue
        if match := rules.files.fullmatch(member.path):
            _add(found, rules, match, member)
        elif not _add_text(found, rules, member):
            besides.append(member.path)
    if platform == "gradescope":
        _add_people(found, archive)
    if not found:
        raise KitError(
            f"Nothing in the archive is named as {platform} names submissions (there: "
            f"{', '.join(map(shown, besides[:3])) or 'nothing'}). Name the platform that it comes from, or "
            "`folders`."
        )
    wanted = {f"{name}.ipynb" for name in notebooks}
    for hand_in in found.values() if rules.resubmits else ():
        hand_in.files = _first_names(hand_in.files, wanted)
    return sorted(found.values(), key=lambda hand_in: hand_in.user), [
        shown(path) for path in besides
    ]


def _add(found: dict[str, HandIn], rules: Rules, match: re.Match[str], member: Member) -> None:
    """Add a file to what its student handed in; a later attempt takes the place of an earlier one."""
    parts, one = match.groupdict(), _hand_in(found, match)
    when = _time(parts.get("time"), rules.time)
    if when and one.submitted and when != one.submitted:
        note = "handed in more than once; the last one counts"
        one.notes += [] if note in one.notes else [note]
        if when < one.submitted:
            return
        one.files.clear()
    one.files[parts["name"].lstrip("/")] = member
    one.submitted = when or one.submitted
    one.late = one.late or bool(parts.get("late"))


def _hand_in(found: dict[str, HandIn], match: re.Match[str]) -> HandIn:
    parts = match.groupdict()
    return found.setdefault(parts["user"], HandIn(parts["user"], parts.get("who") or ""))


def _add_text(found: dict[str, HandIn], rules: Rules, member: Member) -> bool:
    """Whether a member is what a student wrote on the platform itself, or the time beside it."""
    for kind, pattern in rules.texts.items():
        if not (match := pattern.fullmatch(member.path)):
            continue
        one = _hand_in(found, match)
        if kind == "time":
            one.submitted = _of_sakai(member)
        elif kind == "a note":  # Blackboard writes one for everybody
            one.submitted = one.submitted or _time(match["time"], rules.time)
        else:
            one.notes.append(f"wrote {kind} on the platform, which is not collected")
            one.late = one.late or bool(match.groupdict().get("late"))
        return True
    return False


def _time(text: str | None, form: str) -> str:
    """A time in a path, as text that sorts and names no zone; empty where it cannot be read."""
    try:
        return datetime.strptime(text, form).isoformat(" ") if text and form else ""
    except ValueError:
        return ""


def _of_sakai(member: Member) -> str:
    """Its timestamp.txt: 17 digits down to milliseconds, in UTC, or a time as other programs write it."""
    text = member.read()[:200].decode("utf-8", "replace").strip()
    if re.fullmatch(r"\d{17}", text):
        return f"{datetime.strptime(text[:14], '%Y%m%d%H%M%S').isoformat(' ')} UTC"
    return text


def _first_names(files: Mapping[str, Member], wanted: set[str]) -> dict[str, Member]:
    """Take the `-1` away that Canvas gives to a notebook that is handed in again."""
    made: dict[str, Member] = {}
    for name, member in files.items():
        plain = re.sub(r"-\d+(?=\.ipynb$)", "", name)
        alone = plain in wanted and plain not in files and plain not in made
        made[plain if alone else name] = member
    return made


def _add_people(found: Mapping[str, HandIn], archive: Archive) -> None:
    """The students of Gradescope's submissions, from the file that names them."""
    table = next((one for one in archive.members if one.name == _METADATA), None)
    if table is None:
        raise KitError(
            f"There is no {_METADATA} in the archive, so nobody knows whose submissions these are."
        )
    if table.size > _MAX_METADATA_MIB * 2**20:
        raise KitError(f"{_METADATA} has more than {_MAX_METADATA_MIB} MiB.")
    try:
        data = yaml.load(table.read(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError) as error:
        raise KitError(f"{_METADATA} cannot be read. Download the archive again.") from error
    if not isinstance(data, dict):
        raise KitError(f"{_METADATA} has no submissions.")
    for user, hand_in in found.items():
        about = data.get(user)
        about = about if isinstance(about, dict) else {}
        hand_in.people = tuple(
            {
                name: str(one[key])
                for name, key in (("name", ":name"), ("number", ":sid"), ("email", ":email"))
                if one.get(key)
            }
            for one in about.get(":submitters") or ()
            if isinstance(one, dict)
        )
        made = about.get(":created_at")
        zone = "" if not isinstance(made, datetime) or made.tzinfo else " UTC"  # YAML's times are
        hand_in.submitted = f"{made}{zone}" if made else ""
