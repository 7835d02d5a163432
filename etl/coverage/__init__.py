"""Coverage findings: where sources disagree about machines, computed and stored by days."""
