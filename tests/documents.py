"""Operations that several tests send."""

CUSTOMER_360 = """
query Customer360($nationalId: String!) {
  customerBy(by: {nationalId: $nationalId}) { ...Whole }
}
fragment Whole on Customer {
  id number type status tier name gender birthDate age nationalId phone email
  address { line1 line2 city region postalCode country }
  branch { name city }
  relationshipManager { name number }
  accounts {
    number kind status balance { amount currency } available { amount currency }
    transactions(first: 5) {
      nodes { kind amount { amount currency } balanceAfter { amount } bookedAt valueOn }
      pageInfo { hasNextPage endCursor }
    }
  }
  loans {
    number purpose status principal { amount } outstanding { amount } daysPastDue classification
    schedule { number dueOn principal { amount } interest { amount } paid { amount } }
  }
  cards { level status issuedOn account { number } }
  tickets(first: 5) {
    totalCount
    nodes { number category subject status assignee { name } history { number kind occurredAt } }
  }
  openTicketCount
  totals { currency assets { amount } liabilities { amount } netWorth { amount } }
}
"""

WHOLE_OF_MANY = (
    "query ($ids: [ID!]!) { nodes(ids: $ids) { ...Whole } }"
    + CUSTOMER_360[CUSTOMER_360.index("fragment") :]
)
