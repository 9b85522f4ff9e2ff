"""A class that shows everything."""
