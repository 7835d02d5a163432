"""Components of the Changes page and of lists of changes."""
