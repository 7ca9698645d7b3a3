"""Webinars: sessions and who is expected, who was there, and what follows from it for each person.

Pure: attendance (the words), intervals, matching, hour (when to ask), verdicts. On the database: models, sessions,
intake (what providers say is kept), sync (asking), results (statements and their revisions).
"""
