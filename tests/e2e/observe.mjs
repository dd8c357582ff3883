// Observes a subscription by the reference client (clients/live.mjs) over graphql-ws, urql or Apollo; prints each event as a line of JSON.
//
// usage: node observe.mjs graphql-ws|urql|apollo URL watch|follow QUERY VARIABLES TOKEN [AFTER]
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { follow, watch } from '../../clients/live.mjs';
import { ways } from './ways.mjs';

const [kind, url, rule, query, variables, token, after] = process.argv.slice(2);
const socket = createClient({
  url, webSocketImpl: WebSocket, keepAlive: 10_000, retryAttempts: 0, connectionParams: { authorization: `Bearer ${token}` },
});

globalThis.WebSocket ??= WebSocket; // Apollo tells its errors by it; Node has one from version 22 on
const subscribe = await ways[kind](socket, url);
const observing = { watch, follow }[rule]({
  subscribe, query, variables: JSON.parse(variables), after: after ?? null,
  next: (event) => console.log(JSON.stringify(event)),
  gap: () => console.log(JSON.stringify({ gap: true })),
  error: (reason) => {
    console.log(JSON.stringify({ error: reason }));
    process.exit(1);
  },
});
process.on('SIGTERM', () => {
  observing.stop();
  process.exit(0);
});
