"""ADD A PAGE HERE: register_page, layout() and thin callbacks; nothing worth a unit test."""
