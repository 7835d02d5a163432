"""Components of the Coverage page and of a site's coverage card."""
