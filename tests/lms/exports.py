"""What platforms write, as their own code writes it: archives of submissions, and mark sheets."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,tiny (901),Other (902),Assignments Current Points,Final Score\r\n"
    ",,,,,Manual Posting,,,\r\n"
    "    Points Possible,,,,,12.00,10.00,(read only),(read only)\r\n"
    '"Lovelace, Ada",4711,1001,ada,"Deep, A",,5.00,5.00,41.67\r\n'
    '"Müller, Jörg",4712,1002,joerg,"Deep, A",3.00,,3.00,25.00\r\n'
    '"Wang, Li",4713,1003,li,B,,,,\r\n'
    '"Wang, Li",4714,1004,li2,B,EX,,,\r\n'
    '"Student, Test",4799,,hash,B,,,,\r\n'
).encode()

# The same from a course in a country of decimal commas, with a byte order mark.
CANVAS_GERMAN = (
    "\ufeffStudent;ID;SIS Login ID;Section;tiny (901);Endpunktzahl Final Score\r\n"
    "    Points Possible;;;;12,00;(read only)\r\n"
    "Lovelace, Ada;4711;ada;A;1,50;\r\n"
    '"Müller, Jörg";4712;joerg;A;;\r\n'
).encode()

MOODLE = (
    '\ufeffIdentifier,"Full name","Email address","ID number",Status,Group,Grade,"Maximum grade",'
    '"Grade can be changed","Last modified (submission)","Last modified (grade)","Feedback comments"\r\n'
    '"Participant 71","Ada Lovelace",ada@uni.example,1001,"Submitted for grading",Blue,,12.00,Yes,'
    '"Wednesday, 1 July 2026, 9:30 PM",-,""\r\n'
    '"Participant 72","Jörg Müller",joerg@uni.example,1002,"Submitted for grading",Red,3.00,12.00,Yes,'
    '"Thursday, 2 July 2026, 1:05 AM","Friday, 3 July 2026, 1:05 AM","Nice, ""really"""\r\n'
    '"Participant 73","Li Wang",li@uni.example,1003,"No submission",Red,,12.00,Yes,-,-,""\r\n'
    '"Participant 74","Li Wang",li2@uni.example,1004,"No submission",,5.00,12.00,No,-,-,""\r\n'
).encode()

MOODLE_GERMAN = (
    '\ufeffID,"Vollständiger Name",E-Mail-Adresse,Status,Bewertung,Bestwertung,'
    '"Bewertung kann geändert werden","Zuletzt geändert (Abgabe)","Zuletzt geändert (Bewertung)",'
    '"Feedback als Kommentar"\r\n'
    '"Teilnehmer/in 71","Ada Lovelace",ada@uni.example,"Zur Bewertung abgegeben",,"12,00",Ja,'
    '"Mittwoch, 1. Juli 2026, 21:30",-,""\r\n'
    '"Teilnehmer/in 72","Jörg Müller",joerg@uni.example,"Zur Bewertung abgegeben","3,00","12,00",Ja,'
    '"Donnerstag, 2. Juli 2026, 01:05",-,""\r\n'
).encode()

MOODLE_BLIND = (
    b'Identifier,Status,Grade,"Maximum grade","Grade can be changed","Last modified (grade)"\r\n'
    b'"Participant 71","Submitted for grading",,12.00,Yes,-\r\n'
    b'"Participant 72","Submitted for grading",,12.00,Yes,-\r\n'
)

BRIGHTSPACE = (
    "OrgDefinedId,Username,Last Name,First Name,Email,"
    '"tiny Points Grade <Numeric MaxPoints:12 Weight:10 Category:Labs CategoryWeight:50>",End-of-Line Indicator\r\n'
    "#1001,#ada,Lovelace,Ada,ada@uni.example,,#\r\n"
    "#1002,#joerg,Müller,Jörg,joerg@uni.example,3,#\r\n"
    "#1003,#li,Wang,Li,li@uni.example,,#\r\n"
    "#1004,#li2,Wang,Li,li2@uni.example,,#\r\n"
).encode()


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    """An archive as platforms write it, with flags for names in UTF-8."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    path.write_bytes(out.getvalue())
    return path


ARCHIVES: dict[str, dict[str, bytes]] = {
    "canvas": {
        "lovelaceada_4711_9001_tiny-1.ipynb": NOTEBOOK,  # handed in twice; the last one is here
        "lovelaceada_4711_9002_notes.txt": b"to myself",
        "müllerjörg_LATE_4712_9003_tiny.ipynb": NOTEBOOK + b" ",
        "wangli_4713_9004_tiny.ipynb": NOTEBOOK + b"  ",
        "wangli_4714_text.html": b"<p>I forgot the file</p>",
        "anon_x7Yz2_9006_tiny.ipynb": NOTEBOOK + b"   ",
    },
    "moodle": {
        "Ada Lovelace_71_assignsubmission_file/tiny.ipynb": NOTEBOOK,
        "Ada Lovelace_71_assignsubmission_onlinetext/onlinetext.html": b"<p>hi</p>",
        "Jörg Müller_72_assignsubmission_file_/work/tiny.ipynb": NOTEBOOK + b" ",
        "Li Wang_73_assignsubmission_file_tiny.ipynb": NOTEBOOK + b"  ",
        "Li Wang_74_assignsubmission_file/tiny.ipynb": NOTEBOOK + b"   ",
    },
    "brightspace": {
        "index.html": b"<html>",
        "39786-6401 - Ada Lovelace - Jul 1, 2026 930 PM/tiny.ipynb": NOTEBOOK,
        "39786-6401 - Ada Lovelace - Jul 1, 2026 1030 PM/tiny.ipynb": NOTEBOOK + b" second",
        "39787-6402 - Jörg Müller - Jul 2, 2026 1205 AM - tiny.ipynb": NOTEBOOK + b" ",
        "39788-6403 - Li Wang - Jul 2, 2026 105 AM/tiny.ipynb": NOTEBOOK + b"  ",
    },
    "blackboard": {
        "Homework 1_ada_attempt_2026-07-01-21-30-00.txt": b"Name: Ada Lovelace (ada)",
        "Homework 1_ada_attempt_2026-07-01-21-30-00_tiny.ipynb": NOTEBOOK,
        "Homework 1_ada_attempt_2026-07-01-21-30-00_only_in_the_first.py": b"",
        "Homework 1_ada_attempt_2026-07-01-22-30-00_tiny.ipynb": NOTEBOOK + b" second",
        "Homework 1_joerg_poging_2026-07-02-00-05-00_tiny.ipynb": NOTEBOOK + b" ",
    },
    "sakai": {
        "Homework 1/grades.csv": b"Homework 1,Points\n",
        "Homework 1/Lovelace, Ada(ada)/Submission attachment(s)/tiny.ipynb": NOTEBOOK,
        "Homework 1/Lovelace, Ada(ada)/timestamp.txt": b"20260701193000123",
        "Homework 1/Müller, Jörg(joerg)/Submission Attachment(s)/tiny.ipynb": NOTEBOOK + b" ",
        "Homework 1/Müller, Jörg(joerg)/timestamp.txt": b"2026-07-02T00:05:00Z",
        "Homework 1/Wang, Li(li)/Lovelace_submissionText.html": b"",
    },
    "gradescope": {
        "assignment_1_export/submission_metadata.yml": (
            "submission_11:\n"
            "  :submitters:\n"
            "  - :name: Ada Lovelace\n    :sid: '1001'\n    :email: ada@uni.example\n"
            "  - :name: Jörg Müller\n    :sid: '1002'\n    :email: joerg@uni.example\n"
            "  :created_at: 2026-07-01 19:30:00.123456 Z\n"
            "  :score: 5.0\n"
            "submission_12:\n"
            "  :submitters:\n  - :name: Li Wang\n    :sid: '1003'\n    :email: li@uni.example\n"
            "  :created_at: 2026-07-02 00:05:00 Z\n"
        ).encode(),
        "assignment_1_export/submission_11/tiny.ipynb": NOTEBOOK,
        "assignment_1_export/submission_12/tiny.ipynb": NOTEBOOK + b" ",
    },
    "folders": {"ada/tiny.ipynb": NOTEBOOK, "joerg/work/tiny.ipynb": NOTEBOOK + b" "},
}
