"""Sites: the table, one site, the directory of the settings, merges."""
