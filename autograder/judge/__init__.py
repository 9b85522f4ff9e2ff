"""One submission: what it is made of, what its marks depend on, who judges it. Knows of no gradebook."""
