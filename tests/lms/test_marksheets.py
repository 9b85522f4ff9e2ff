"""Mark sheets filled in place: read back by each platform's own rules, and byte for byte otherwise."""

from __future__ import annotations

import pytest

from autograder.errors import KitError
from autograder.lms.marksheets import Filled, Mark, comment_of, fill
from autograder.lms.sheets import Sheet, decimal_sign, number
from tests.lms import exports, importers

MARKS = [
    Mark("ada", 10.5, comment="double_tests: 3 of 3"),
    Mark("joerg", 3.0, comment="double_tests: 3 of 3"),
    Mark("li", None),  # something of it waits
    Mark("zoe", 4.0),
]


def filled(
    platform: str, content: bytes, marks: list[Mark] = MARKS, column: str | None = None
) -> Filled:
    return fill(platform, Sheet(content), "tiny", marks, column)


def test_canvas_reads_the_marks_back_and_nothing_else() -> None:
    done = filled("canvas", exports.CANVAS)
    assert importers.canvas(exports.CANVAS, done.content) == {"4711": "10.50"}
    assert done.content == exports.CANVAS.replace(b'"Deep, A",,5.00', b'"Deep, A",10.5,5.00')
    assert (done.written, done.unchanged, done.waiting) == (["ada"], ["joerg"], ["li"])
    assert done.not_there == ["zoe"]
    assert done.without_mark == ["Wang, Li (li2)", "Student, Test (hash)"]


def test_canvas_with_semicolons_commas_and_a_byte_order_mark() -> None:
    done = filled("canvas", exports.CANVAS_GERMAN)
    assert importers.canvas(exports.CANVAS_GERMAN, done.content) == {
        "4711": "10.50",
        "4712": "3.00",
    }
    assert done.content == exports.CANVAS_GERMAN.replace(b";1,50;", b";10,5;").replace(
        b"joerg;A;;", b"joerg;A;3;"
    )


def test_canvas_with_first_and_last_names_apart() -> None:
    sheet = b"LastName,FirstName,ID,SIS Login ID,Section,tiny (901)\r\nLovelace,Ada,4711,ada,A,\r\n"
    done = filled("canvas", sheet, [Mark("ada", 5.0), Mark("Ada Lovelace", 5.0)])
    assert done.not_there == ["ada", "Ada Lovelace"]  # both would be the same row
    assert filled("canvas", sheet, [Mark("Ada Lovelace", 5.0)]).content == sheet.replace(
        b"A,\r", b"A,5\r"
    )


def test_excused_students_keep_that() -> None:
    done = filled("canvas", exports.CANVAS, [Mark("li2", 5.0)])
    assert done.content == exports.CANVAS
    assert done.notes == ["li2: left as it is, EX stands there"]


@pytest.mark.parametrize("form", ["english", "german"])
def test_moodle_reads_the_marks_back(form: str) -> None:
    english = form == "english"
    sheet = exports.MOODLE if english else exports.MOODLE_GERMAN
    words = (
        ("Identifier", "Grade", "Last modified (grade)", "Participant ")
        if english
        else ("ID", "Bewertung", "Zuletzt geändert (Bewertung)", "Teilnehmer/in ")
    )
    known = [Mark(m.student, m.points, known={"email": f"{m.student}@uni.example"}) for m in MARKS]
    done = filled("moodle", sheet, known)
    saved = importers.moodle(done.content, words, comma=not english)
    assert saved == {"71": 10.5, "72": 3.0} | ({"74": 5.0} if english else {})
    old, new = (b",,12.00", b",10.5,12.00") if english else (b',,"12,00"', b',"10,5","12,00"')
    assert done.content == sheet.replace(old, new, 1)
    assert done.not_there == (["zoe"] if english else ["li", "zoe"])


def test_moodle_takes_comments_where_there_are_none() -> None:
    known = [
        Mark("1", 10.5, comment_of(["a: 1 < 2", "b"]), {"id": "71"}),
        Mark("2", 4.0, "new", {"id": "72"}),
    ]
    text = filled("moodle", exports.MOODLE, known).content.decode("utf-8-sig")
    assert '"Wednesday, 1 July 2026, 9:30 PM",-,"a: 1 &lt; 2<br>b"\r\n' in text
    assert '"Nice, ""really"""\r\n' in text


def test_moodle_says_what_it_would_skip_without_a_word() -> None:
    done = filled(
        "moodle", exports.MOODLE, [Mark("1001", 13.0), Mark("1004", 6.0), Mark("1002", -2.0)]
    )
    assert done.notes == [
        "1001: 13 is above the maximum there, 12; Moodle skips it without a word",
        "1004: left as it is, the platform has locked the mark",
        "1002: -2 is written as 0",
    ]


def test_moodle_with_blind_marking_goes_by_the_number_alone() -> None:
    known = [Mark("71", 10.5, known={"id": "71"})]
    done = filled("moodle", exports.MOODLE_BLIND, known)
    assert done.content == exports.MOODLE_BLIND.replace(b'grading",,', b'grading",10.5,', 1)
    assert done.without_mark == ["72"]


def test_a_worksheet_that_a_spreadsheet_changed_is_refused() -> None:
    with pytest.raises(KitError, match="a spreadsheet has changed it"):
        filled("moodle", exports.MOODLE.replace(b",", b";"))


def test_brightspace_reads_the_marks_back() -> None:
    done = filled("brightspace", exports.BRIGHTSPACE, [*MARKS, Mark("1004", 13.25)])
    assert importers.brightspace(done.content) == {
        "ada": "10.5",
        "joerg": "3",
        "li": "",
        "li2": "13.25",
    }
    assert done.content == exports.BRIGHTSPACE.replace(
        b"ada@uni.example,,", b"ada@uni.example,10.5,"
    ).replace(b"li2@uni.example,,", b"li2@uni.example,13.25,")
    assert "above the maximum there, 12" in " ".join(done.notes)


def test_of_two_with_one_name_neither_is_meant() -> None:
    done = filled("canvas", exports.CANVAS, [Mark("Li Wang", 5.0), Mark("Jörg Müller", 4.0)])
    assert importers.canvas(exports.CANVAS, done.content) == {"4712": "4.00"}
    assert done.not_there == ["Li Wang"]


def test_an_id_that_could_be_two_students_is_nobodys() -> None:
    """As a university's number that is another student's number on the platform."""
    sheet = exports.CANVAS.replace(b",4713,1003,", b",1001,1003,")
    assert filled("canvas", sheet, [Mark("1001", 5.0)]).not_there == ["1001"]
    collected = [Mark("1001", 5.0, known={"id": "4711"})]
    assert filled("canvas", sheet, collected).written == ["1001"]


def test_two_students_for_one_row_are_both_named() -> None:
    done = filled("canvas", exports.CANVAS, [Mark("ada", 5.0), Mark("1001", 6.0)])
    assert done.not_there == ["ada", "1001"]
    assert done.content == exports.CANVAS


@pytest.mark.parametrize(
    ("platform", "sheet", "column", "said"),
    [
        (
            "canvas",
            exports.CANVAS.replace(b"tiny (901)", b"Tiny (901)"),
            None,
            "no column for `tiny`",
        ),
        ("canvas", exports.CANVAS.replace(b"Other (902)", b"tiny (902)"), None, "several columns"),
        ("canvas", exports.CANVAS, "Final Score", "no column for `Final Score`"),
        ("canvas", exports.MOODLE, None, "is no gradebook of Canvas"),
        ("moodle", exports.CANVAS, None, "is no worksheet of Moodle"),
        ("brightspace", exports.CANVAS, None, "is no grade file of Brightspace"),
        ("canvas", b"Student,ID\r\n", None, "has no students"),
        ("canvas", b"Student\r\nAda\r\n", None, "is no gradebook of Canvas"),
        (
            "moodle",
            b"Identifier,Grade\r\nParticipant 1," + b"x" * 200_000,
            None,
            "cannot be read: field larger",
        ),
        ("canvas", b"PK\x03\x04 a spreadsheet", None, "is no CSV in UTF-8"),
        ("canvas", b'Student,ID\r\n"a"b",1\r\n', None, "its quotes do not fit"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(
    platform: str, sheet: bytes, column: str | None, said: str
) -> None:
    with pytest.raises(KitError, match=said):
        filled(platform, sheet, column=column)


def test_a_column_can_be_named() -> None:
    done = filled("canvas", exports.CANVAS, [Mark("ada", 7.0)], column="Other (902)")
    assert done.content == exports.CANVAS.replace(b",,5.00,5.00", b",,7,5.00")


def test_rounding_is_said() -> None:
    done = filled("canvas", exports.CANVAS, [Mark("ada", 10.126)])
    assert done.notes == ["ada: 10.126 is written as 10.13"]


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n\n3,4\n",
        b"a,b\r\n1,2",
        b'a,b\r"x\ny",2\r',
        b'a,"b, ""c"""\r\n,\r\n',
        b"a,b\n1,",
        b"n;b\n\xfcber;2\n",  # Windows' letters
    ],
)
def test_a_sheet_that_nothing_is_written_into_stays(content: bytes) -> None:
    assert Sheet(content).content() == content


def test_numbers_as_platforms_write_them() -> None:
    read = {
        "1.234": 1.234,
        "1.234,50": 1234.5,
        "1,234.50": 1234.5,
        "3": 3.0,
        "-": None,
        "": None,
        "EX": None,
    }
    assert {text: number(text) for text in read} == read
    assert decimal_sign(["", "x", "12,00"]) == ","
