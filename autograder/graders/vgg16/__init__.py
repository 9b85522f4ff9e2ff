"""Hidden tests of the assignment `vgg16`, one file a notebook, and what they share.

`reference` does the assignment's tasks right, `wrong_loops` does some of them wrong on purpose, so
that feedback can name a mistake. `networks` is shipped into the box with probes. `short_run`
trains a small network, `full_run` the real one on a GPU, and `runs` is what they share; `steady` and
`on_device` are what GPUs need.
"""
