/** graphql-transport-ws: with the client of graphql-ws, and message by message over ws. */
import assert from 'node:assert/strict';

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { follow, what } from './subscription.mjs';

export const tool = 'graphql-ws';

const SUBPROTOCOL = 'graphql-transport-ws';
const VIEWER = { query: '{ viewer { actingRole } }' };
const LONG = {
  query: '{ customers(first: 100) { nodes { transactions(first: 100) { nodes { id kind } } } } }',
};
const OPERATIONS = 5;
/** The server gives a client three seconds; some more for a busy machine. */
const INIT_SECONDS_MAX = 10;

export const checks = [
  {
    what: 'a query, the token in connection_init',
    run: (bank) => withClient(bank, {}, async (client) => {
      const [answer, ...more] = await collect(client, VIEWER);
      assert.deepEqual(answer, { data: { viewer: { actingRole: 'RELATIONSHIP_MANAGER' } } });
      assert.deepEqual(more, []);
    }),
  },
  {
    what: 'operations at once on one connection',
    run: (bank) => {
      let connections = 0;
      const on = { opened: () => (connections += 1) };
      return withClient(bank, { on }, async (client) => {
        const sizes = Array.from({ length: OPERATIONS }, (_, place) => place + 1);
        const query = 'query ($n: Int!) { customers(first: $n) { nodes { id } } }';
        const answers = await Promise.all(
          sizes.map((n) => collect(client, { query, variables: { n } })),
        );
        assert.deepEqual(answers.map(([{ data }]) => data.customers.nodes.length), sizes);
        assert.equal(connections, 1);
        return OPERATIONS;
      });
    },
  },
  {
    what,
    run: (bank) => withClient(bank, {}, (client) =>
      follow(bank, (operation) => client.iterate(operation))),
  },
  {
    what: 'an invalid operation ends in error, the connection goes on',
    run: (bank) => withClient(bank, {}, async (client) => {
      const errors = await collect(client, { query: '{ nothingOfTheKind }' }).then(
        (answers) => assert.fail(`answered with ${JSON.stringify(answers)}`),
        (reason) => reason,
      );
      assert(Array.isArray(errors), String(errors));
      assert.equal(errors[0].extensions.code, 'BAD_REQUEST');
      assert.equal((await collect(client, VIEWER)).length, 1);
    }),
  },
  {
    what: 'an error while executing comes with the data',
    run: (bank) => withClient(bank, {}, async (client) => {
      const query = '{ viewer { actingRole } customer(id: "garbage") { id } }';
      const [{ data, errors }] = await collect(client, { query });
      assert.deepEqual(data, { viewer: { actingRole: 'RELATIONSHIP_MANAGER' }, customer: null });
      assert.equal(errors[0].extensions.code, 'BAD_USER_INPUT');
    }),
  },
  {
    what: "the client's keep-alive ping is answered",
    run: (bank) => new Promise((resolve, reject) => {
      const client = clientOf(bank, {
        lazy: false,
        keepAlive: 100,
        onNonLazyError: reject,
        on: { pong: (received) => received && resolve(client.dispose()) },
      });
    }),
  },
  {
    what: 'ping is answered before connection_init, with its payload',
    async run(bank) {
      const socket = await open(bank);
      socket.send(JSON.stringify({ type: 'ping', payload: { at: 1 } }));
      assert.deepEqual(await next(socket), { type: 'pong', payload: { at: 1 } });
      socket.close();
    },
  },
  closes('a token that is not one', [4403, 4401], (socket) => init(socket, 'Bearer nonsense')),
  closes('no token', [4403, 4401], (socket) => init(socket)),
  closes('no connection_init in time', [4408], () => {}, INIT_SECONDS_MAX),
  closes('subscribe before connection_init', [4401], (socket) => subscribe(socket)),
  closes('a second connection_init', [4429], (socket, bank) => {
    init(socket, bank.authorization);
    init(socket, bank.authorization);
  }),
  closes('two operations with one id', [4409], async (socket, bank) => {
    init(socket, bank.authorization);
    await next(socket);
    // The first runs long enough for the second to find it running.
    subscribe(socket, LONG);
    subscribe(socket, LONG);
  }),
  closes('a message of no known type', [4400], (socket) => socket.send('{"type": "hello"}')),
  closes('a message that is no JSON', [4400], (socket) => socket.send('hello')),
  {
    what: 'the retired subprotocol graphql-ws is refused',
    async run(bank) {
      const socket = new WebSocket(bank.ws, 'graphql-ws');
      const ended = await Promise.race([
        new Promise((resolve) => socket.once('close', resolve)),
        new Promise((resolve) => socket.once('error', ({ message }) => resolve(message))),
      ]);
      // This client gives up by itself when the server agrees to none of its subprotocols, before
      // it reads the code 4406 that a browser sees.
      assert([4406, 'Server sent no subprotocol'].includes(ended), `ended with ${ended}`);
      socket.terminate();
    },
  },
  {
    what: 'a page of another origin may not connect',
    async run(bank) {
      const socket = new WebSocket(bank.ws, SUBPROTOCOL, { origin: 'https://elsewhere.example' });
      const status = await new Promise((resolve, reject) => {
        socket.once('unexpected-response', (_, { statusCode }) => resolve(statusCode));
        socket.once('open', () => reject(new Error('it was let in')));
        socket.once('error', reject);
      });
      assert.equal(status, 403);
      socket.terminate();
    },
  },
];

function clientOf(bank, options) {
  return createClient({
    url: bank.ws,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: { Authorization: bank.authorization },
    ...options,
  });
}

async function withClient(bank, options, use) {
  const client = clientOf(bank, options);
  try {
    return await use(client);
  } finally {
    await client.dispose();
  }
}

async function collect(client, operation) {
  const answers = [];
  for await (const answer of client.iterate(operation)) {
    answers.push(answer);
  }
  return answers;
}

/** A check that the server closes the connection with one of these codes after `provoke`. */
function closes(what, codes, provoke, seconds = 5) {
  return {
    what: `${what}: closes with ${codes.join(' or ')}`,
    async run(bank) {
      const socket = await open(bank);
      const closed = new Promise((resolve, reject) => {
        socket.once('close', resolve);
        const message = `still open after ${seconds} s`;
        setTimeout(() => reject(new Error(message)), seconds * 1000).unref();
      });
      try {
        await provoke(socket, bank);
        const code = await closed;
        assert(codes.includes(code), `closed with ${code}`);
        return code;
      } finally {
        socket.terminate();
      }
    },
  };
}

async function open(bank) {
  const socket = new WebSocket(bank.ws, SUBPROTOCOL);
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  assert.equal(socket.protocol, SUBPROTOCOL);
  return socket;
}

function init(socket, authorization) {
  const payload = authorization && { Authorization: authorization };
  socket.send(JSON.stringify({ type: 'connection_init', payload }));
}

function subscribe(socket, payload = VIEWER) {
  socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload }));
}

function next(socket) {
  return new Promise((resolve, reject) => {
    socket.once('message', (text) => resolve(JSON.parse(text)));
    socket.once('close', (code) => reject(new Error(`closed with ${code}`)));
  });
}
