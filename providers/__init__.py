"""AI providers: what each one is, and how to speak to it. Knows no framework and no database."""
