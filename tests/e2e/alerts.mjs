// Follows the alerts of a unit with npm graphql-ws and prints each once, as a line of JSON with the time at which it was seen.
//
// usage: node alerts.mjs URL UNIT LEVEL TOKEN
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, unit, minLevel, token] = process.argv.slice(2);
const client = createClient({ url, webSocketImpl: WebSocket, keepAlive: 10_000, connectionParams: { authorization: `Bearer ${token}` } });
const query = `subscription Alerts($unit: ID!, $minLevel: AlertLevel) {
  alertRaised(unit: $unit, minLevel: $minLevel) { id ready alert { level dueAt observedAt dossier { code } } }
}`;
const seen = new Set();

function take({ data, errors }) {
  if (errors) return fail(errors);
  const event = data.alertRaised;
  if (seen.has(event.id)) return undefined;
  seen.add(event.id);
  return console.log(JSON.stringify({ ...event, seenAt: new Date().toISOString() }));
}

function fail(error) {
  console.log(JSON.stringify({ error: String(error.message ?? error.reason ?? JSON.stringify(error)) }));
  process.exit(1);
}

client.subscribe({ query, variables: { unit, minLevel } }, { next: take, error: fail, complete: () => {} });
process.on('SIGTERM', () => process.exit(0));
