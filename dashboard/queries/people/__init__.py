"""Who may ask: people who sign in, and the tokens of machines and programs."""
