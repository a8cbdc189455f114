/** urql with the headers that it sends by itself. */
import assert from 'node:assert/strict';

import { Client, cacheExchange, fetchExchange, gql } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';

import { PARTIAL, PARTIAL_DATA, recorder } from './persisted.mjs';
import * as subscription from './subscription.mjs';

export const tool = 'urql';
const name = '@urql/core';
export { name as package };

const VIEWER = 'query Who { viewer { actingRole } }';

export const checks = [
  query('a query as urql sends it (GET where the address is short)', {}),
  query('a query by POST', { preferGetMethod: false }),
  {
    what: 'partial data beside errors',
    async run(bank) {
      const { data, error } = await clientOf(bank).query(gql(PARTIAL), {}).toPromise();
      const { __typename, ...viewer } = data?.viewer ?? {};
      assert.deepEqual({ ...data, viewer }, PARTIAL_DATA, String(error));
      assert.equal(error.graphQLErrors[0].extensions.code, 'BAD_USER_INPUT');
    },
  },
  persisted('persisted queries by POST', false, ['POST', 'POST', 'POST']),
  persisted('persisted queries by GET', true, ['GET', 'GET', 'GET']),
  {
    what: `over fetch: ${subscription.what}`,
    run: (bank) => subscription.follow(bank, ({ query, variables }) => {
      const client = clientOf(bank, { fetchSubscriptions: true });
      return subscription.iterable((next, fail) => {
        const answers = client.subscription(gql(query), variables);
        const told = ({ data, error }) => (error ? fail(error) : next({ data }));
        return answers.subscribe(told).unsubscribe;
      });
    }),
  },
];

function query(what, options) {
  return {
    what,
    async run(bank) {
      const { data, error } = await clientOf(bank, options).query(gql(VIEWER), {}).toPromise();
      assert.equal(data?.viewer.actingRole, 'RELATIONSHIP_MANAGER', String(error));
    },
  };
}

function clientOf(bank, { exchanges = [], ...options } = {}) {
  return new Client({
    url: bank.http,
    fetch: bank.fetch,
    exchanges: [cacheExchange, ...exchanges, fetchExchange],
    ...options,
  });
}

/** The hash alone, unknown; the hash with its document; from then on the hash alone. */
function persisted(what, preferGetForPersistedQueries, methods) {
  return {
    what,
    async run(bank) {
      // Each check registers a document of its own.
      const document = gql(`query Urql${preferGetForPersistedQueries} { viewer { actingRole } }`);
      const recorded = recorder(bank.fetch);
      const client = clientOf(bank, {
        fetch: recorded.fetch,
        exchanges: [persistedExchange({ preferGetForPersistedQueries })],
        preferGetMethod: false,
      });
      for (const _ of ['first', 'again']) {
        const options = { requestPolicy: 'network-only' };
        const { data, error } = await client.query(document, {}, options).toPromise();
        assert.equal(data?.viewer.actingRole, 'RELATIONSHIP_MANAGER', String(error));
      }
      recorded.check(methods);
    },
  };
}
