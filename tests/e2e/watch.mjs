// Follows one dossier with npm graphql-ws and prints each event as a line of JSON.
//
// usage: node watch.mjs URL CODE [--token T] [--secret S] [--after CURSOR] [--until N] [--raw]
//
// It keeps the client's rule: apply event n only when n = last + 1, drop n <= last, hold a higher one for 2 s and then subscribe again
// behind the last. --raw prints whatever arrives. --until ends it after the event of that number.
import { parseArgs } from 'node:util';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

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
  url, webSocketImpl: WebSocket, keepAlive: 10_000, retryAttempts: 20, shouldRetry: () => true,
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

let last = values.after === undefined ? null : Number(values.after);
let stop = () => {};
let held = null;

function subscribe() {
  stop();
  stop = client.subscribe(
    { query, variables: { code, secret: values.secret ?? null, after: last === null ? null : String(last) } },
    { next: ({ data, errors }) => (errors ? fail(errors) : take(data.dossierChanged)), error: fail, complete: () => {} },
  );
}

function take(event) {
  const n = Number(event.cursor);
  if (values.raw) return print(event, n);
  if (event.ready) {
    last ??= n;
    return print(event, n);
  }
  if (n <= last) return undefined;
  if (n > last + 1) {
    held ??= setTimeout(() => { held = null; subscribe(); }, 2000);
    return undefined;
  }
  last = n;
  return print(event, n);
}

function print(event, n) {
  console.log(JSON.stringify({ ...event, seenAt: new Date().toISOString() }));
  if (n >= until && !event.ready) end(0);
}

function fail(error) {
  console.log(JSON.stringify({ error: Array.isArray(error) ? error : String(error.message ?? error.reason ?? error) }));
  end(1);
}

function end(status) {
  stop();
  client.dispose();
  process.exitCode = status;
  setTimeout(() => process.exit(status), 200).unref();
}

process.on('SIGTERM', () => end(0));
subscribe();
