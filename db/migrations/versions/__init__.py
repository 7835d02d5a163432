"""One revision per file, numbered and named."""
