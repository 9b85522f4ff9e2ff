"""The door through which nbgrader's own tools come to the box and the judge.

`course_config.py` calls `configure`, and then `nbgrader autograde`, the formgrader's button and
`autograder grade` all do the same. It fails closed: the gradebook lies where only this configuration
says, so a tool that runs without it finds no assignment and grades nothing; and the exporter below
refuses to start where the box cannot be built.
"""

from autograder.nbgrader_plugin.configure import configure

__all__ = ["configure"]
