"""One collection run: fetch a source, check it, publish it or hold it."""
