/** relay-compiler over a few components, and relay-runtime with what it made of them. */
import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import runtime from 'relay-runtime';

import { HERE } from '../paths.mjs';
import { execute } from '../tools.mjs';

export const tool = 'relay';
const name = 'relay-runtime';
export { name as package };

const SOURCES = join(HERE, 'relay');
const ARTIFACTS = join(SOURCES, '__generated__');
const COMPILER = join(HERE, 'node_modules/.bin/relay-compiler');
const COUNT = 10;

export const checks = [
  {
    what: 'relay-compiler accepts the schema',
    async run() {
      await rm(ARTIFACTS, { recursive: true, force: true });
      await mkdir(ARTIFACTS);
      await execute(COMPILER, ['relay.config.json'], { cwd: SOURCES });
    },
  },
  {
    what: 'relay-runtime pages through node(id) to the end',
    async run(bank) {
      const environment = environmentOf(bank);
      const { id, total } = await busiestCustomer(bank);
      const page = artifact('CustomerPageQuery');
      const fragment = artifact('CustomerTransactions_customer');
      const first = await fetchPage(environment, page, { id });
      let connection = read(environment, fragment, first.customer);
      let pages = 1;
      while (connection.pageInfo.hasNextPage) {
        const { edges, pageInfo } = connection;
        const variables = { id, ...nextVariables(fragment, pageInfo.endCursor) };
        const refetched = artifact('CustomerTransactionsPageQuery');
        const next = await fetchPage(environment, refetched, variables);
        pages += 1;
        connection = read(environment, fragment, next.node);
        assert(connection.edges.length > edges.length, `page ${pages} added nothing`);
      }
      const ids = connection.edges.map(({ node }) => node.id);
      assert.equal(new Set(ids).size, ids.length, 'a row came twice');
      assert.equal(ids.length, total);
      assert.equal(pages, Math.ceil(total / COUNT));
      assert(pages > 2, `${pages} pages show too little`);
      return `${total} rows, ${pages} pages`;
    },
  },
];

function artifact(named) {
  return createRequire(join(ARTIFACTS, 'package.json'))(`./${named}.graphql.js`);
}

function environmentOf(bank) {
  const { Environment, Network, RecordSource, Store } = runtime;
  const fetchText = async ({ text }, variables) => {
    const response = await bank.fetch(bank.http, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: text, variables }),
    });
    return response.json();
  };
  return new Environment({
    network: Network.create(fetchText),
    store: new Store(new RecordSource()),
  });
}

async function fetchPage(environment, query, variables) {
  const operation = runtime.createOperationDescriptor(query, variables);
  // Relay would collect the rows of the pages before, were the operation not kept.
  environment.retain(operation);
  await runtime.fetchQuery(environment, query, variables).toPromise();
  return environment.lookup(operation.fragment).data;
}

/** Reads the fragment as `usePaginationFragment` does: all rows that the store has by now. */
function read(environment, fragment, reference) {
  assert(reference, 'the server found nobody');
  const selector = runtime.getSingularSelector(fragment, reference);
  return environment.lookup(selector).data.transactions;
}

/** What `loadNext` of `usePaginationFragment` sends. */
function nextVariables(fragment, cursor) {
  const { paginationMetadata } = runtime.getPaginationMetadata(fragment, 'usePaginationFragment');
  return runtime.getPaginationVariables('forward', COUNT, cursor, {}, {}, paginationMetadata);
}

async function busiestCustomer(bank) {
  const { customers } = await bank.run(
    '{ customers(first: 100) { nodes { id transactions(first: 1) { totalCount } } } }',
  );
  const counted = customers.nodes.map(({ id, transactions }) => ({
    id,
    total: transactions.totalCount,
  }));
  return counted.reduce((most, each) => (each.total > most.total ? each : most));
}
