// Observes a subscription by the reference client (clients/live.mjs) over graphql-ws, urql or Apollo; prints each event as a line of JSON.
//
// usage: node observe.mjs graphql-ws|urql|apollo URL watch|follow QUERY VARIABLES TOKEN [AFTER]
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { follow, watch } from '../../clients/live.mjs';

const [kind, url, rule, query, variables, token, after] = process.argv.slice(2);
const socket = createClient({
  url, webSocketImpl: WebSocket, keepAlive: 10_000, retryAttempts: 0, connectionParams: { authorization: `Bearer ${token}` },
});

const ways = {
  'graphql-ws': async () => (operation, sink) => socket.subscribe(operation, sink),
  urql: async () => {
    const { Client, subscriptionExchange } = await import('@urql/core');
    const client = new Client({
      url,
      exchanges: [subscriptionExchange({
        forwardSubscription: (operation) => ({ subscribe: (sink) => ({ unsubscribe: socket.subscribe(operation, sink) }) }),
      })],
    });
    return (operation, sink) => client
      .subscription(operation.query, operation.variables, { requestPolicy: 'network-only' })
      .subscribe(({ data, error }) => (error ? sink.error(error.networkError ?? error) : sink.next({ data }))).unsubscribe;
  },
  apollo: async () => {
    const { ApolloClient, InMemoryCache, gql } = await import('@apollo/client/core');
    const { GraphQLWsLink } = await import('@apollo/client/link/subscriptions');
    const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
    return (operation, sink) => {
      const found = client.subscribe({ query: gql(operation.query), variables: operation.variables, fetchPolicy: 'no-cache' }).subscribe(sink);
      return () => found.unsubscribe();
    };
  },
};

globalThis.WebSocket ??= WebSocket; // Apollo tells its errors by it; Node has one from version 22 on
const subscribe = await ways[kind]();
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
