// A subscriber as a front end would write it: npm's graphql-ws, which connects again by itself, and
// the position that was told last in `variables.after`. Each message is a line of standard output;
// a line on standard input cuts the connection off.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const { URL: url, TOKEN, QUERY: query, VARIABLES } = process.env;
const variables = JSON.parse(VARIABLES);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
let socket;

const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: { Authorization: `Bearer ${TOKEN}` },
  retryAttempts: Infinity,
  shouldRetry: () => true,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 50 + 200 * Math.random())),
  on: {
    connected: (opened) => {
      socket = opened;
    },
  },
});

client.subscribe(
  { query, variables },
  {
    next: ({ data, errors }) => {
      if (errors) return say({ errors });
      const [told] = Object.values(data);
      // Sent with the subscription when the client connects again.
      variables.after = told.position;
      say(told);
    },
    error: (error) => say({ error: error?.reason ?? String(error?.message ?? error) }),
    complete: () => say({ complete: true }),
  },
);
process.stdin.on("data", () => socket?.terminate());
