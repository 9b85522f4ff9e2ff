"""An autograder and assignment kit for deep-learning courses, on top of nbgrader."""

import sys

__version__ = "0.1.0"

# jsonschema, which every Jupyter package imports, tries this one for the format "iri", which no
# notebook's schema has; building its grammar takes one to two seconds (jsonschema's issue 1428).
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
