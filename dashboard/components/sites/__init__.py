"""Components of the Sites page and of one site's page."""
