// Follows one dossier with npm graphql-ws and prints each event as a line of JSON.
//
// usage: node watch.mjs URL CODE [--token T] [--secret S] [--after CURSOR] [--until N] [--raw]
//
// It keeps the client's rule by clients/live.mjs. --raw prints whatever arrives. --until ends it after the event of that number.
import { parseArgs } from 'node:util';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { watch } from '../../clients/live.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    token: { type: 'string' }, secret: { type: 'string' }, after: { type: 'string' },
    until: { type: 'string' }, raw: { type: 'boolean' },
  },
});
const [url, code] = positionals;
if (!url || !code || !/^\d*$/.test(values.after ?? '')) {
  console.error('usage: node watch.mjs URL CODE [--token T] [--secret S] [--after CURSOR] [--until N] [--raw]');
  process.exit(2);
}
const until = Number(values.until ?? Infinity);
const client = createClient({
  url, webSocketImpl: WebSocket, keepAlive: 10_000, retryAttempts: 0,
  connectionParams: values.token ? { authorization: `Bearer ${values.token}` } : {},
});
const query = `subscription Watch($code: ID!, $secret: String, $after: String) {
  dossierChanged(code: $code, secret: $secret, after: $after) {
    id cursor ready gap at version
    entry { seq action occurredAt recordedAt }
    dossier { state entries }
    tracked { code state clock { dueAt } }
  }
}`;

let stop;
if (values.raw) {
  const variables = { code, secret: values.secret ?? null, after: values.after ?? null };
  stop = client.subscribe({ query, variables }, {
    next: ({ data, errors }) => (errors ? fail(errors) : print(data.dossierChanged)), error: fail, complete: () => {},
  });
} else {
  const subscribe = (operation, sink) => client.subscribe(operation, sink);
  ({ stop } = watch({
    subscribe, query, variables: { code, secret: values.secret ?? null }, after: values.after ?? null, ready: print, next: print, error: fail,
  }));
}

function print(event) {
  console.log(JSON.stringify({ ...event, seenAt: new Date().toISOString() }));
  if (Number(event.cursor) >= until && !event.ready) end(0);
}

function fail(error) {
  const [first] = Array.isArray(error) ? error : [error]; // --raw hands over what the client does
  const told = { code: first.extensions?.code ?? first.code ?? null, message: String(first.message ?? first.reason ?? first) };
  console.log(JSON.stringify({ error: told }));
  end(1);
}

function end(status) {
  stop();
  client.dispose();
  process.exitCode = status;
  setTimeout(() => process.exit(status), 200).unref();
}

process.on('SIGTERM', () => end(0));
