import { graphql, useFragment } from 'react-relay';

export function CustomerProfile({ customer }) {
  const profile = useFragment(
    graphql`
      fragment CustomerProfile_customer on Customer {
        number
        name
        tier
        branch {
          name
        }
        accounts {
          number
          balance {
            amount
            currency
          }
        }
        timeline(first: 5) {
          nodes {
            __typename
            ... on Ticket {
              subject
            }
            ... on Transaction {
              kind
            }
          }
        }
      }
    `,
    customer,
  );
  return `${profile.number} ${profile.name}`;
}
