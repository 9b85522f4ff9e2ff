"""How alike the code of a class is, item by item: for people to look at, never a verdict."""
