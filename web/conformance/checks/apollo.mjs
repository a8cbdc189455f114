/** Apollo Client with the headers that it sends by itself. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import {
  ApolloClient,
  CombinedGraphQLErrors,
  HttpLink,
  InMemoryCache,
  gql,
} from '@apollo/client/core/index.js';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries/index.js';
import { relayStylePagination } from '@apollo/client/utilities/index.js';

import { PARTIAL, PARTIAL_DATA, recorder } from './persisted.mjs';
import * as subscription from './subscription.mjs';

export const tool = 'apollo';
const name = '@apollo/client';
export { name as package };

const PAGES = gql`
  query Pages($after: String) {
    customers(first: 30, after: $after) {
      totalCount
      edges { cursor node { id number } }
      pageInfo { hasNextPage endCursor startCursor hasPreviousPage }
    }
  }
`;

export const checks = [
  {
    what: 'a query',
    async run(bank) {
      const { data } = await clientOf(bank).query({ query: gql`query Who { viewer { actingRole } }` });
      assert.equal(data.viewer.actingRole, 'RELATIONSHIP_MANAGER');
    },
  },
  {
    what: "partial data with errorPolicy: 'all'",
    async run(bank) {
      const query = gql(PARTIAL);
      const { data, error } = await clientOf(bank).query({ query, errorPolicy: 'all' });
      assert(CombinedGraphQLErrors.is(error), String(error));
      assert.equal(error.errors[0].extensions.code, 'BAD_USER_INPUT');
      const { __typename, ...viewer } = data.viewer;
      assert.deepEqual({ ...data, viewer }, PARTIAL_DATA);
    },
  },
  {
    what: 'relayStylePagination to the end',
    async run(bank) {
      const fields = { customers: relayStylePagination(['filter', 'sort']) };
      const client = clientOf(bank, { typePolicies: { Query: { fields } } });
      const query = client.watchQuery({ query: PAGES });
      const subscription = query.subscribe({});
      let page = await query.refetch();
      while (page.data.customers.pageInfo.hasNextPage) {
        const after = page.data.customers.pageInfo.endCursor;
        page = await query.fetchMore({ variables: { after } });
      }
      subscription.unsubscribe();
      const data = client.readQuery({ query: PAGES });
      const ids = new Set(data.customers.edges.map(({ node }) => node.id));
      assert.equal(ids.size, data.customers.totalCount);
      assert.equal(data.customers.edges.length, data.customers.totalCount);
      return ids.size;
    },
  },
  persisted('persisted queries by POST', false, ['POST', 'POST', 'POST']),
  persisted('persisted queries by GET', true, ['GET', 'POST', 'GET']),
  {
    what: `over multipart: ${subscription.what}`,
    run: (bank) => withoutAbortErrors(() => subscription.follow(bank, subscribe(clientOf(bank)))),
  },
];

function subscribe(client) {
  return ({ query, variables }) => subscription.iterable((next, fail) => {
    const options = { query: gql(query), variables, fetchPolicy: 'no-cache', errorPolicy: 'all' };
    const subscribed = client.subscribe(options).subscribe({
      next: ({ data, error }) => (error ? fail(error) : next({ data })),
      error: fail,
    });
    return () => subscribed.unsubscribe();
  });
}

/** Apollo Client leaves a rejection unhandled whenever a subscription is left: its issue 13455. */
async function withoutAbortErrors(run) {
  const ignore = (reason) => {
    if (reason.name !== 'AbortError') {
      throw reason;
    }
  };
  process.on('unhandledRejection', ignore);
  try {
    return await run();
  } finally {
    await new Promise(setImmediate);
    process.off('unhandledRejection', ignore);
  }
}

function clientOf(bank, { typePolicies, link, fetch } = {}) {
  const http = new HttpLink({ uri: bank.http, fetch: fetch ?? bank.fetch });
  return new ApolloClient({
    cache: new InMemoryCache({ typePolicies }),
    link: link ? link.concat(http) : http,
  });
}

/** The hash alone, unknown; the hash with its document; from then on the hash alone. */
function persisted(what, useGETForHashedQueries, methods) {
  return {
    what,
    async run(bank) {
      // Each check registers a document of its own.
      const query = gql(`query Apollo${useGETForHashedQueries} { viewer { actingRole } }`);
      const sha256 = (text) => createHash('sha256').update(text).digest('hex');
      const recorded = recorder(bank.fetch);
      const link = new PersistedQueryLink({ sha256, useGETForHashedQueries });
      const client = clientOf(bank, { link, fetch: recorded.fetch });
      for (const _ of ['first', 'again']) {
        const { data } = await client.query({ query, fetchPolicy: 'network-only' });
        assert.equal(data.viewer.actingRole, 'RELATIONSHIP_MANAGER');
      }
      recorded.check(methods);
    },
  };
}
