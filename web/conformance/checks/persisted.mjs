/** What the checks of Apollo Client and urql share. */
import assert from 'node:assert/strict';

/** An operation of which one field fails and the other does not. */
export const PARTIAL = 'query Partial { viewer { actingRole } customer(id: "garbage") { id } }';
export const PARTIAL_DATA = { viewer: { actingRole: 'RELATIONSHIP_MANAGER' }, customer: null };

const NOT_FOUND = { message: 'PersistedQueryNotFound', code: 'PERSISTED_QUERY_NOT_FOUND' };

/** A `fetch` that keeps what was exchanged, to check what went over the wire. */
export function recorder(fetch) {
  const exchanges = [];
  return {
    fetch: async (url, options = {}) => {
      const response = await fetch(url, options);
      const sent = options.body
        ? JSON.parse(options.body)
        : Object.fromEntries(new URL(url).searchParams);
      const { method = 'GET' } = options;
      exchanges.push({ method, sent, status: response.status, got: await response.clone().json() });
      return response;
    },
    /** Checks that three exchanges were made: hash, hash with document, hash. */
    check(methods) {
      const shown = JSON.stringify(exchanges, null, 2);
      assert.deepEqual(exchanges.map(({ method }) => method), methods, shown);
      assert.deepEqual(exchanges.map(({ sent }) => 'query' in sent), [false, true, false], shown);
      const [{ got }] = exchanges;
      const [{ message, extensions }] = got.errors;
      assert.deepEqual({ message, code: extensions.code }, NOT_FOUND, shown);
    },
  };
}
