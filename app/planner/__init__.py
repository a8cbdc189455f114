"""The kit that declares projections and reads them; it knows no noun of the bank."""
