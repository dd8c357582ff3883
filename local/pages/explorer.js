// Mounts GraphiQL on this service. What the Headers editor holds goes with each request, and into the payload of each
// WebSocket's connection_init: every subscription has a socket of its own, so it runs under the token of that moment.
'use strict';

(() => {
  const hint = `# giamsat: try a query, with Ctrl-Enter or the button.
#
# Without a token you are the public. To be somebody, type in the project's folder
#
#   .venv/bin/giamsat token --role INSPECTOR
#
# and paste what it prints into "Headers" below:
#
#   { "authorization": "Bearer <token>" }
#
# Roles: CITIZEN RECEPTION OFFICER HEAD SUPERVISOR INSPECTOR. Subscriptions run from here too.

query Procedure {
  procedure(code: "XD-01") {
    code
    title(lang: EN)
    limit {
      unit
      amount
    }
  }
}

# With a token, and the code of a dossier:
#
# subscription Watch {
#   dossierChanged(code: "<code>") {
#     cursor
#     ready
#     entry {
#       seq
#       action
#     }
#     dossier {
#       state
#     }
#   }
# }
`;
  const service = new URL('/graphql', window.location.href);
  const socket = new URL(service);
  socket.protocol = service.protocol === 'https:' ? 'wss:' : 'ws:';
  const ask = GraphiQL.createFetcher({
    url: service.href,
    subscriptionUrl: socket.href,
    enableIncrementalDelivery: false,
  });

  // The service reads names of a payload as they are written; names of headers are the same in any case.
  const named = (headers) => Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  const fetcher = (operation, more) => ask(operation, { ...more, headers: named(more?.headers) });

  ReactDOM.createRoot(document.getElementById('graphiql')).render(
    React.createElement(GraphiQL, { fetcher, defaultQuery: hint, defaultEditorToolsVisibility: 'headers' }),
  );
})();
