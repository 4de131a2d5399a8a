"""How a family meets data: NUTS, and deterministic integration."""
