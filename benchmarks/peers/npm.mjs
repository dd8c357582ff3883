// npm graphql-ws over `ws`, with data at hand. usage: node npm.mjs PORT
//
// It prints "ready", and for each line of its standard input pushes one event to all and prints when, in nanoseconds.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

const schema = buildSchema(`
  type Clock { dueAt: String! paused: Boolean! }
  type Dossier { code: ID! state: String! clock: Clock! }
  type Entry { seq: Int! action: String! }
  type Event { id: ID! cursor: String! ready: Boolean! gap: Boolean! at: String! version: Int entry: Entry dossier: Dossier }
  type Query { ok: Boolean! }
  type Subscription { dossierChanged(code: ID!, after: String): Event! }
`);
const waiting = new Set();
const dossier = { code: '22-XD-261128-0001', state: 'IN_PROCESS', clock: { dueAt: '2026-12-01T10:00:00Z', paused: false } };
const told = (number, ready) => ({
  id: `x/${number}`, cursor: String(number), ready, gap: false, at: '2026-11-28T10:00:00Z', version: number,
  entry: ready ? null : { seq: number, action: 'ASSIGNED' }, dossier: ready ? null : dossier,
});

function dossierChanged() {
  const queue = [{ dossierChanged: told(0, true) }];
  let wake = null;
  const push = (event) => {
    if (wake) { wake({ done: false, value: event }); wake = null; } else queue.push(event);
  };
  waiting.add(push);
  const stop = async () => { waiting.delete(push); return { done: true, value: undefined }; };
  return {
    next: () => (queue.length ? Promise.resolve({ done: false, value: queue.shift() }) : new Promise((resolve) => { wake = resolve; })),
    return: stop,
    throw: stop,
    [Symbol.asyncIterator]() { return this; },
  };
}

const server = createServer();
useServer({ schema, roots: { subscription: { dossierChanged } } }, new WebSocketServer({ server, path: '/graphql' }));
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
let number = 0;
createInterface({ input: process.stdin })
  .on('line', () => {
    number += 1;
    const event = { dossierChanged: told(number, false) };
    console.log(String(BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6))));
    for (const push of waiting) push(event);
  })
  .on('close', () => process.exit(0));
