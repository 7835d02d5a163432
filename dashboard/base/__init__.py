"""What every room of the dashboard stands on: clock, address parameters, roles, language,
formats, theme."""
