"""THE READER: Dash pages, JSON API and exports on one Flask server. It writes nothing."""
