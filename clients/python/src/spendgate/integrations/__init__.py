"""Guards for frameworks, gateways and protocols: one module for each, behind an extra."""
