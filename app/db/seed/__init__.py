"""The invented bank: customers, accounts and a year of business, the same for the same seed."""
