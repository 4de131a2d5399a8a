"""Statistical models, each written down once."""
