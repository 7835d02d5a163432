"""Files: tables as CSV and Excel, invoice packs, and long answers written while they are read."""
