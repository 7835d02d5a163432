"""One file per subject, one function per question: plain values in, rows out.

Every question is asked of one `Moment` and one `Filters`, inside one read transaction
(`db.engine.reading`), so that what stands on a page belongs together.
"""
