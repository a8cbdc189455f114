/** What the checks of several clients share: a subscription that is left, and gone on with. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

export const what = 'a subscription, left and gone on with: every event once and in order';

const SUBSCRIPTION = `
  subscription Tickets($customer: ID!, $after: String) {
    ticketUpdated(customerId: $customer, after: $after) {
      __typename
      ... on StreamMessage { position }
      ... on TicketOpened { ticket { id } }
    }
  }
`;
const OPEN = `
  mutation Open($input: OpenTicketInput!) {
    openTicket(input: $input) {
      __typename
      ... on OpenTicketPayload { ticket { id } }
      ... on Problem { code }
    }
  }
`;

/**
 * Opens three tickets of a customer: one while it is followed, one while nobody follows, and one
 * after the client came back.
 *
 * `iterate` gives the answers of a client to a subscription as an async iterable that unsubscribes
 * when it is left.
 */
export async function follow(bank, iterate) {
  const { customers } = await bank.run('{ customers(first: 1) { nodes { id } } }');
  const customer = customers.nodes[0].id;
  const opened = [];
  const told = [];
  let after;
  const visit = async (count, open) => {
    const answers = iterate({ query: SUBSCRIPTION, variables: { customer, after } });
    for await (const { data, errors } of answers) {
      assert.equal(errors, undefined, JSON.stringify(errors));
      const { __typename: kind, position, ticket } = data.ticketUpdated;
      after = position;
      if (kind === 'TicketOpened') {
        told.push(ticket.id);
      }
      if (open(kind)) {
        opened.push(await ticketOf(bank, customer));
      }
      if (told.length === count) {
        break;
      }
    }
  };
  await visit(1, (kind) => kind === 'StreamPosition' && opened.length === 0);
  opened.push(await ticketOf(bank, customer));
  await visit(3, () => opened.length === 2);
  assert.deepEqual(told, opened);
  return told.length;
}

/** An async iterable of what a client tells by callbacks: `subscribe(next, fail)` gives how to leave. */
export async function* iterable(subscribe) {
  const waiting = [];
  let wake = () => {};
  const put = (kind) => (value) => {
    waiting.push({ kind, value });
    wake();
  };
  const leave = subscribe(put('next'), put('failure'));
  try {
    while (true) {
      if (waiting.length === 0) {
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
      const { kind, value } = waiting.shift();
      if (kind === 'failure') {
        throw value;
      }
      yield value;
    }
  } finally {
    leave();
  }
}

async function ticketOf(bank, customerId) {
  const input = {
    idempotencyKey: randomUUID(),
    customerId,
    category: 'CREDIT_CARD',
    topic: 'OTHER',
    text: 'The card is worn.',
    channel: 'PHONE',
  };
  const { openTicket } = await bank.run(OPEN, { input });
  assert.equal(openTicket.__typename, 'OpenTicketPayload', JSON.stringify(openTicket));
  return openTicket.ticket.id;
}
