"""Components of the Agents page and of one machine's page."""
