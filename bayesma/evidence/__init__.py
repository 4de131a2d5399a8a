"""What goes into an analysis: validated study-level numbers and the readers that make them."""
