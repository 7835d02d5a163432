"""Coverage findings: counts, lists, the matrix of sources, the trend."""
