"""The content of a page: answers of one moment, put together into components."""
