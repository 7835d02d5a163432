"""Components of the Devices page and of one device's page."""
