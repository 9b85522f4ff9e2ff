"""What can go wrong, and whose business it is.

Two families that never mix. A `StudentFault` is something that the submission did: it becomes a verdict
with a message for the student. A `KitError` is ours or the course's: it becomes `ungraded`, goes to
staff, and never costs a student a point.
"""

from __future__ import annotations

from collections.abc import Iterator


class KitError(Exception):
    """Something of the kit's or the course's is broken; the message says what, where and the repair."""


class BoxUnavailable(KitError):
    """The wall around student code cannot be built here, so nothing may be graded here."""


class BoxFailed(KitError):
    """The box did not start or broke for a reason that the student's code cannot have caused."""


class StudentFault(Exception):
    """Something that the submission did; the message may be shown to the student as it is."""


class NameMissing(StudentFault):
    """The submission does not define a name that a probe needs."""

    def __init__(self, name: str, why: str = "") -> None:
        self.name = name
        super().__init__(f"Your notebook defines no `{name}`{why}.")


class StudentRaised(StudentFault):
    """The student's code raised while a probe called it."""

    def __init__(self, kind: str, text: str, where: str = "") -> None:
        self.kind = kind
        place = f", {where}" if where else ""
        # torch raises it as well, from a line that does something else.
        raises_it = f"raise {kind}" in where if where else not text
        is_stub = kind == "NotImplementedError" and raises_it
        if is_stub:
            message = f"This is still a stub: it raises NotImplementedError {where}".rstrip() + "."
        else:
            message = (
                f"Your code raised {kind}{place}: {text}"
                if text
                else f"Your code raised {kind}{place}."
            )
        super().__init__(message)

    def asking(self, question: str) -> StudentRaised:
        """The same, with a question that helps to find the mistake."""
        other = StudentRaised(self.kind, "")
        other.args = (f"{self} {question}",)
        return other


class LimitHit(StudentFault):
    """The submission ran into a limit of the box (time, memory, output) or killed its kernel."""

    def __init__(self, limit: str, message: str) -> None:
        self.limit = limit
        super().__init__(message)


class BadReply(StudentFault):
    """What came back from the box is not what a probe can have sent."""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from; SQLAlchemy and nbgrader keep some of it to themselves."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        original = getattr(error, "orig", None)
        if isinstance(original, BaseException):
            yield original
        error = error.__cause__ or error.__context__
