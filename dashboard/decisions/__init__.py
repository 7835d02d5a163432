"""Decisions asked for on pages: the dialog, its proposals, previews and pickers."""
