"""The bank's rules: no I/O, no framework."""
