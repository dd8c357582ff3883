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
const TWICE = process.env.TWICE === '1'; // two watchers of the same thing over one client
const observe = () => ({ watch, follow })[rule]({
  ...(TWICE ? { ready: () => console.log(JSON.stringify({ ready: true })) } : {}),
  subscribe, query, variables: JSON.parse(variables), after: after ?? null,
  next: (event) => console.log(JSON.stringify(event)),
  gap: () => console.log(JSON.stringify({ gap: true })),
  error: (reason) => {
    console.log(JSON.stringify({ error: { code: reason.code, message: reason.message } }));
    process.exit(1);
  },
});
const observing = (TWICE ? [1, 2] : [1]).map(observe);
process.on('SIGTERM', () => {
  observing.forEach((one) => one.stop());
  process.exit(0);
});
