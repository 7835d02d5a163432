"""Components of the Months page and of one month's page."""
