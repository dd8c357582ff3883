// Runs the page /graphiql as a browser would load it, with no browser: its scripts in their order, in a realm of their own.
//
// usage: node page.mjs ORIGIN CODE TOKEN
//
// What the page gives to React is taken instead of mounted, and its fetcher is used as GraphiQL uses it: introspection, the default
// query, a query and a subscription to the dossier CODE under TOKEN, and one under a bad token. Prints one line of JSON.
import vm from 'node:vm';
import { buildClientSchema, getIntrospectionQuery, parse, validate } from 'graphql';
import WebSocket from 'ws';

const [origin, code, token] = process.argv.slice(2);
const addresses = [];
const mounted = [];
class PageSocket extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { origin });
    addresses.push(String(url));
  }
}
const realm = {
  console, setTimeout, clearTimeout, queueMicrotask, URL, AbortController, TextDecoder, MessageChannel,
  CloseEvent: class CloseEvent {}, WebSocket: PageSocket, location: new URL(`${origin}/graphiql`), addEventListener() {},
  fetch(url, init) {
    addresses.push(String(url));
    return fetch(url, init);
  },
};
vm.createContext(Object.assign(realm, { window: realm, self: realm }));

// The editor looks about it while it loads. Whatever it touches is this: a function, and an object of such.
const anything = new Proxy(() => {}, {
  get: (_, name) => (name === Symbol.toPrimitive ? () => '' : anything),
  apply: () => anything,
});
const page = await (await fetch(`${origin}/graphiql`)).text();
const scripts = [...page.matchAll(/<script src="([^"]+)"><\/script>/g)].map(([, path]) => path);
let canMount = false;
for (const path of scripts) {
  if (path.includes('/graphiql.')) {
    canMount = typeof realm.ReactDOM.createRoot === 'function';
    Object.assign(realm, { document: anything, navigator: { userAgent: '', platform: '' } });
  } else if (path === scripts.at(-1)) {
    realm.document = { getElementById: (id) => (page.includes(`id="${id}"`) ? { id } : null) };
    realm.ReactDOM = { createRoot: (place) => ({ render: (element) => mounted.push({ place, element }) }) };
  }
  vm.runInContext(await (await fetch(origin + path)).text(), realm, { filename: path });
}
const [{ place, element }] = mounted;
const { fetcher, defaultQuery } = element.props;

// The answer, or the first event of a subscription, which is then ended.
async function first(operation, headers = {}) {
  const documentAST = parse(operation.query);
  const answer = await fetcher(operation, { documentAST, headers });
  if (!answer[Symbol.asyncIterator]) return answer;
  for await (const event of answer) return event;
  return null;
}

// An operation's error is told to who reads its events, and by the library once more to nobody.
process.on('unhandledRejection', () => {});

const introspected = await first({ query: getIntrospectionQuery(), operationName: 'IntrospectionQuery' });
const schema = buildClientSchema(introspected.data);
const query = 'subscription Watch($code: ID!) { dossierChanged(code: $code) { ready cursor } }';
const watch = { query, variables: { code }, operationName: 'Watch' };
console.log(JSON.stringify({
  place: place.id,
  canMount: canMount && element.type === realm.GraphiQL,
  invalid: validate(schema, parse(defaultQuery)).map(String),
  usual: await first({ query: defaultQuery, operationName: 'Procedure' }),
  viewer: await first({ query: '{ viewer { role } }' }, { Authorization: `Bearer ${token}` }),
  watched: await first(watch, { Authorization: `Bearer ${token}` }),
  refused: await first(watch, { authorization: 'Bearer nonsense' }).catch((errors) => errors),
  addresses: [...new Set(addresses)],
}));
process.exit(0); // the page's sockets close in their own time
