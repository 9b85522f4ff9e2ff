"""The hidden tests: one folder an assignment, one file a notebook. Never shipped into a box."""
