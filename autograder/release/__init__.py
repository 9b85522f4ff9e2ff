"""An assignment on its way to students: its start, its gate, its answer key, its cases."""
