// What teams build with npm's graphql-ws, ws and ioredis: two processes on one port, events over
// Redis. MODE=payload puts the ticket into the message, so that a subscriber costs no reading and
// nobody's rights are asked; MODE=reload has each subscriber read the ticket from PostgreSQL where
// it may see it, as bank360 promises.
import cluster from "node:cluster";
import { createServer } from "node:http";
import { GraphQLID, GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import Redis from "ioredis";
import pg from "pg";
import { WebSocketServer } from "ws";

const { DATABASE_URL, REDIS_URL, MODE, PORT, TICKET, QUEUE, PROCESSES = "2" } = process.env;
const CHANNEL = "bench:tickets";
const READ =
  "select ticket.id, number, status, queue, version from ticket where id = $1" +
  " and exists (select from staff_queue where staff_id = $2 and staff_queue.queue = ticket.queue)";

function follow(redis, waiting) {
  redis.on("message", (_channel, message) => {
    const told = JSON.parse(message);
    for (const each of waiting) each(told);
  });
  return redis.subscribe(CHANNEL);
}

async function* told(waiting) {
  const queue = [];
  let wake = () => {};
  const offer = (event) => {
    queue.push(event);
    wake();
  };
  waiting.add(offer);
  try {
    while (true) {
      if (queue.length === 0) await new Promise((resolve) => (wake = resolve));
      while (queue.length > 0) yield queue.shift();
    }
  } finally {
    waiting.delete(offer);
  }
}

async function serve() {
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
  const publisher = new Redis(REDIS_URL);
  const waiting = new Set();
  await follow(new Redis(REDIS_URL), waiting);
  const fields = {
    id: { type: GraphQLID },
    number: { type: GraphQLString },
    status: { type: GraphQLString },
    queue: { type: GraphQLString },
    version: { type: GraphQLInt },
  };
  const Ticket = new GraphQLObjectType({ name: "Ticket", fields });
  const Update = new GraphQLObjectType({
    name: "TicketUpdate",
    fields: {
      position: { type: GraphQLString },
      ticket: {
        type: Ticket,
        resolve: async (event, _given, context) => {
          if (MODE === "payload") return event.ticket;
          const { rows } = await pool.query(READ, [event.id, context.staff]);
          return rows[0] ?? null;
        },
      },
    },
  });
  const schema = new GraphQLSchema({
    query: new GraphQLObjectType({ name: "Query", fields: { ok: { type: GraphQLString } } }),
    subscription: new GraphQLObjectType({
      name: "Subscription",
      fields: {
        ticketUpdated: {
          type: Update,
          args: { queue: { type: GraphQLString } },
          subscribe: () => told(waiting),
          resolve: (event) => event,
        },
      },
    }),
  });

  const server = createServer(async (_request, response) => {
    const changed = await pool.query(
      "update ticket set version = version + 1 where id = $1 and queue = $2" +
        " returning id, number, status, queue, version",
      [TICKET, QUEUE],
    );
    const event = { position: String(Date.now()), id: TICKET };
    if (MODE === "payload") event.ticket = changed.rows[0];
    await publisher.publish(CHANNEL, JSON.stringify(event));
    response.end("{}");
  });
  const socket = new WebSocketServer({ server, path: "/graphql", perMessageDeflate: false });
  const context = (made) => ({ staff: made.connectionParams?.staff });
  useServer({ schema, context }, socket);
  server.listen(Number(PORT), "127.0.0.1", 2048, () => process.send?.("ready"));
}

if (cluster.isPrimary) {
  let ready = 0;
  for (let each = 0; each < Number(PROCESSES); each++) {
    cluster.fork().on("message", () => {
      ready += 1;
      if (ready === Number(PROCESSES)) console.log("ready");
    });
  }
} else {
  await serve();
}
