"""The content of pages: the answers of one read transaction, put together into components.

Pages cannot be imported before there is an app, so what the shell shows of them, and what several
of them share, stands here.
"""
