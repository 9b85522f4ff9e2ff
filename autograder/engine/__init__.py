"""Many hand-ins: what is judged, where, and how the marks reach nbgrader's gradebook."""
