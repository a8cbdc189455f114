"""What runs beside requests: on a clock, or on what they leave behind."""
