import { graphql, usePaginationFragment } from 'react-relay';

export function CustomerTransactions({ customer }) {
  const { data, hasNext, loadNext } = usePaginationFragment(
    graphql`
      fragment CustomerTransactions_customer on Customer
      @refetchable(queryName: "CustomerTransactionsPageQuery")
      @argumentDefinitions(
        count: { type: "Int", defaultValue: 10 }
        cursor: { type: "String" }
        filter: { type: "TransactionFilter" }
      ) {
        transactions(first: $count, after: $cursor, filter: $filter)
          @connection(key: "CustomerTransactions_transactions", filters: ["filter"]) {
          edges {
            node {
              id
              bookedAt
              amount {
                amount
                currency
              }
            }
          }
        }
      }
    `,
    customer,
  );
  return { edges: data.transactions.edges, more: hasNext ? () => loadNext(10) : undefined };
}
