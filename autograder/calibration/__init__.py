"""Thresholds of hidden tests that depend on chance: many `runs`, what they allow, and where it is kept."""
