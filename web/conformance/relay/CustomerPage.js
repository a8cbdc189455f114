// Read by relay-compiler, which finds the operations in it; nothing here is run.
import { graphql, usePreloadedQuery } from 'react-relay';

import { CustomerProfile } from './CustomerProfile';
import { CustomerTransactions } from './CustomerTransactions';

export function CustomerPage({ queryRef }) {
  const { customer } = usePreloadedQuery(
    graphql`
      query CustomerPageQuery($id: ID!) {
        customer(id: $id) {
          ...CustomerProfile_customer
          ...CustomerTransactions_customer
        }
      }
    `,
    queryRef,
  );
  return [CustomerProfile({ customer }), CustomerTransactions({ customer })];
}
