"""The worker: its timetable, jobs, previews, and what follows a collection."""
