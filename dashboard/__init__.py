"""THE READER: Dash pages, JSON API and exports on one Flask server. It never collects or
publishes; it writes reports of machines and what people request."""
