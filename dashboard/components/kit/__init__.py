"""Building blocks that any page may use: card, pill, grid, table, legend, sparkline."""
