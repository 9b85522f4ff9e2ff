#!/usr/bin/env bash
# nbconvert 7.17.2 (nbformat 5.11.1, Python 3.11): what an exporter puts into `resources` is not what preprocessors get.
#
# One would guess: `resources` is the dictionary that travels through a conversion, so an object that an
# exporter puts there (a lock, an open file, a judgement that is still being made) is the object that its
# preprocessors find, and what they change in it the exporter sees.
#
# What happens: `Exporter.from_notebook_node` copies the notebook and the resources deeply, before the first
# preprocessor. A plain object arrives as another one, so that changes to it are lost without a word; one that
# holds a lock or a file ends the conversion with "cannot pickle '_thread.lock' object", which names neither
# resources nor a copy. A preprocessor that is registered on an exporter has it as its `parent`, and that is the
# exporter itself: what must not be copied can be found there.
#
# Where it matters: exporters and preprocessors for nbgrader's converters (`c.Autograde.exporter_class`) that hand
# on more than plain data, such as a client of a grading service or a database's session.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" --quiet --disable-pip-version-check install nbconvert==7.17.2 nbformat==5.11.1
cat > "$place/try.py" << 'PYTHON'
import threading

import nbconvert
import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.preprocessors import Preprocessor


class Ticket:
    stamped = False


class Stamps(Preprocessor):
    enabled = True

    def preprocess(self, nb, resources):
        resources["ticket"].stamped = True
        self.parent.ticket.times += 1
        return nb, resources


print("nbconvert", nbconvert.__version__)
notebook = nbformat.v4.new_notebook()
exporter = NotebookExporter()
exporter.register_preprocessor(Stamps)
exporter.ticket = Ticket()
exporter.ticket.times = 0
ticket = Ticket()
exporter.from_notebook_node(notebook, {"ticket": ticket})
print("stamped in the exporter's own resources:", ticket.stamped)
print("seen through the preprocessor's parent:", exporter.ticket.times)
ticket.lock = threading.Lock()
try:
    exporter.from_notebook_node(notebook, {"ticket": ticket})
    print("with a lock: converted")
except TypeError as error:
    print("with a lock:", error)
PYTHON
seen=$("$place/venv/bin/python" "$place/try.py")
echo "$seen"
expected="nbconvert 7.17.2
stamped in the exporter's own resources: False
seen through the preprocessor's parent: 1
with a lock: cannot pickle '_thread.lock' object"
[ "$seen" = "$expected" ] || { echo "It is not as it was." >&2; exit 1; }
