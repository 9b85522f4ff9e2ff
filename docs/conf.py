"""The pages of this folder as a site: `make docs` builds it. Nothing in it is loaded from outside."""

project = "autograder-kit"
author = "the kit's authors"
html_title = project
html_theme = "furo"
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False

extensions = ["myst_parser"]
myst_heading_anchors = 3  # so that a link can name a heading, as on GitHub
nitpicky = True
