"""Records of one source: reading rows, text, and the state of a device."""
