"""Small pure numerical helpers."""
