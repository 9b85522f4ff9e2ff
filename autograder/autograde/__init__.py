"""A class: who handed in, one submission after the other, and the only writer of marks."""
