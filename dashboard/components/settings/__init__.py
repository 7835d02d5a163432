"""Components of the Settings pages."""
