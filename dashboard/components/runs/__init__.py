"""Components of the Collections page and of one run's page."""
