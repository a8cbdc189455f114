"""bank360: one GraphQL schema over a bank's customers."""
