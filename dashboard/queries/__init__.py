"""SQL: one file per subject, one function per query; plain values in, rows out.

Queries take a connection, a `Moment` (the two days) and `Filters`. All figures of a page come from
one read transaction.
"""
