// npm graphql-ws' own server, for the conformance rules that giamsat is held to: whoever doubts a rule sees that its authors keep it, too.
//
// usage: node peer.mjs        it prints its port; a line on standard input pushes an event to all who subscribe
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { buildSchema } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

const schema = buildSchema(`
  type Viewer { role: String! }
  type Event { ready: Boolean! cursor: String! }
  type Query { viewer: Viewer! echo(text: String!): String! }
  type Mutation { touch: Int! }
  type Subscription { events: Event! }
`);
const waiting = new Set();
let touched = 0;
let pushed = 0;

function events() {
  const queue = [{ ready: true, cursor: String(pushed) }];
  let asked = null;
  let over = false;
  const end = { done: true, value: undefined };
  const settle = () => {
    if (!asked || (!over && !queue.length)) return;
    const answer = asked;
    asked = null;
    answer(over ? end : { done: false, value: { events: queue.shift() } });
  };
  const push = () => { queue.push({ ready: false, cursor: String(pushed) }); settle(); };
  const stop = async () => { over = true; waiting.delete(push); settle(); return end; };
  waiting.add(push);
  return {
    next: () => new Promise((resolve) => { asked = resolve; settle(); }),
    return: stop,
    throw: stop,
    [Symbol.asyncIterator]() { return this; },
  };
}

const roots = {
  query: { viewer: { role: 'PUBLIC' }, echo: ({ text }) => text },
  mutation: { touch: () => { touched += 1; return touched; } },
  subscription: { events },
};
const server = createServer();
useServer({ schema, roots, connectionInitWaitTimeout: 2000 }, new WebSocketServer({ server, path: '/graphql' }));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
createInterface({ input: process.stdin })
  .on('line', () => { pushed += 1; for (const push of waiting) push(); })
  .on('close', () => process.exit(0));
