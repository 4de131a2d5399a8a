"""The frequentist answers: an independent opinion that never meets families, engines or priors."""
