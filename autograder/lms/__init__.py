"""Learning platforms: their archives of submissions, their mark sheets, their feedback, as files.

Nothing here knows of a course. What the platforms themselves write and read is in tables: `platforms` for
archives, `titles` and `marksheets` for sheets.
"""
