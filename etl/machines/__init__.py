"""Which records are one machine: links, identities, match keys, suggestions."""
