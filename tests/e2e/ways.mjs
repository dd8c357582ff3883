// The ways of docs/live.md to subscribe: (socket of graphql-ws, URL) -> the `subscribe` that clients/live.mjs takes.
export const ways = {
  'graphql-ws': async (socket) => (operation, sink) => socket.subscribe(operation, sink),
  urql: async (socket, url) => {
    const { Client, subscriptionExchange } = await import('@urql/core');
    const { onEnd, pipe, subscribe } = await import('wonka');
    const client = new Client({
      url,
      exchanges: [subscriptionExchange({
        forwardSubscription: (operation) => ({ subscribe: (sink) => ({ unsubscribe: socket.subscribe(operation, sink) }) }),
      })],
    });
    return (operation, sink) => pipe(
      client.subscription(operation.query, operation.variables, { requestPolicy: 'network-only' }),
      onEnd(() => sink.complete()),
      subscribe(({ data, error }) => (error ? sink.error(error.networkError ?? error) : sink.next({ data }))),
    ).unsubscribe;
  },
  apollo: async (socket) => {
    const { ApolloClient, InMemoryCache, gql } = await import('@apollo/client/core');
    const { GraphQLWsLink } = await import('@apollo/client/link/subscriptions');
    const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
    return (operation, sink) => {
      const found = client.subscribe({ query: gql(operation.query), variables: operation.variables, fetchPolicy: 'no-cache' }).subscribe(sink);
      return () => found.unsubscribe();
    };
  },
};
