"""Hidden tests of the assignment `residual`, one file a notebook, and what they share.

`reference` does the assignment's tasks right. `layers` is shipped into the box: it finds the layers of a
student's block, whatever their names are, and gives them drawn weights. `blocks` says which layers a block
must have, and `wrong_blocks` are wrong on purpose; `flow` and `tasks` do the same for gradients and for
training.
"""
