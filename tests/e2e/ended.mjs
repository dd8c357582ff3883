// Subscribes by one way through the reference client to a service that ends each operation, as a connection that is ended with 1000 does;
// prints how often it came.
//
// usage: node ended.mjs graphql-ws|urql|apollo
import WebSocket from 'ws';
import { follow } from '../../clients/live.mjs';
import { ways } from './ways.mjs';

globalThis.WebSocket ??= WebSocket;
const url = 'ws://127.0.0.1:9/graphql'; // nothing goes there
const ENOUGH = 3;
let came = 0;
const socket = {
  subscribe(operation, sink) {
    came += 1;
    setTimeout(() => sink.complete(), 5);
    return () => {};
  },
};
const following = follow({
  subscribe: await ways[process.argv[2]](socket, url), query: 'subscription($after: String) { unitFeed(unit: "22", after: $after) { id cursor ready gap } }', next() {},
});
const began = Date.now();
while (came < ENOUGH && Date.now() - began < 20_000) await new Promise((next) => setTimeout(next, 20));
following.stop();
console.log(came);
process.exit(0);
