/** GraphQL over Server-Sent Events, distinct connections mode, with the client of graphql-sse. */
import assert from 'node:assert/strict';

import { createClient } from 'graphql-sse';

import { follow, what } from './subscription.mjs';

export const tool = 'graphql-sse';

export const checks = [
  {
    what: 'a query',
    run: (bank) => withClient(bank, bank.headers, async (client) => {
      const answers = await collect(client, { query: '{ viewer { actingRole } }' });
      assert.deepEqual(answers, [{ data: { viewer: { actingRole: 'RELATIONSHIP_MANAGER' } } }]);
    }),
  },
  {
    what: 'an error while executing comes with the data',
    run: (bank) => withClient(bank, bank.headers, async (client) => {
      const query = '{ viewer { actingRole } customer(id: "garbage") { id } }';
      const [{ data, errors }] = await collect(client, { query });
      assert.deepEqual(data, { viewer: { actingRole: 'RELATIONSHIP_MANAGER' }, customer: null });
      assert.equal(errors[0].extensions.code, 'BAD_USER_INPUT');
    }),
  },
  {
    what: 'an invalid operation',
    run: (bank) => withClient(bank, bank.headers, async (client) => {
      const [{ data, errors }] = await collect(client, { query: '{ nothingOfTheKind }' });
      assert.equal(data, undefined);
      assert.equal(errors[0].extensions.code, 'BAD_REQUEST');
    }),
  },
  {
    what: 'no token: 401',
    run: (bank) => withClient(bank, {}, async (client) => {
      const error = await collect(client, { query: '{ viewer { actingRole } }' }).then(
        (answers) => assert.fail(`answered with ${JSON.stringify(answers)}`),
        (reason) => reason,
      );
      assert.equal(error.response?.status, 401, String(error));
    }),
  },
  {
    what,
    run: (bank) => withClient(bank, bank.headers, (client) =>
      follow(bank, (operation) => client.iterate(operation))),
  },
];

async function withClient(bank, headers, use) {
  const client = createClient({ url: bank.http, headers, retryAttempts: 0 });
  try {
    return await use(client);
  } finally {
    client.dispose();
  }
}

async function collect(client, operation) {
  const answers = [];
  for await (const answer of client.iterate(operation)) {
    answers.push(answer);
  }
  return answers;
}
