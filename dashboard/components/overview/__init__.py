"""Components of the Overview."""
