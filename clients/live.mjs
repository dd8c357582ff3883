// Observe each event of a giamsat subscription once: the rules of docs/live.md, over whatever client speaks graphql-transport-ws.
//
//   import { createClient } from 'graphql-ws';
//   import { watch } from './live.mjs';
//
//   const client = createClient({ url, retryAttempts: 0, connectionParams: { authorization: `Bearer ${token}` } });
//   const watching = watch({
//     subscribe: (operation, sink) => client.subscribe(operation, sink),
//     query: 'subscription($code: ID!, $after: String) { dossierChanged(code: $code, after: $after) { id cursor ready dossier { state } } }',
//     variables: { code: '22-XD-260105-0001' },
//     next: (event) => console.log(event.cursor, event.dossier.state),
//   });
//   watching.stop();
//
// `watch` is for what has dense cursors (dossierChanged, taskProgressed), `follow` for feeds (unitFeed, alertRaised, trailAppended). Both subscribe again by
// themselves, from where they were; so the client below is to retry nothing. A subscription has to select `id cursor ready gap`, as far as
// it is a feed, and `cursor ready` in any case, and to take `$after`. Each holds in memory what it needs and no more: a few numbers, or the
// last 20,000 ids. `ready` is called whenever it is connected, anew too. It knows no framework and keeps nothing when the page goes: give `after` to go on from a cursor that you kept.

const HOLD_MS = 2_000; // how long a higher number waits for the one before it
const REMEMBERED = 20_000; // ids that may come again: the service resumes a minute before the cursor, or where a replay was left
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const FINAL_CODES = new Set(['FORBIDDEN', 'BAD_USER_INPUT', 'UNAUTHENTICATED', 'COST_EXCEEDED', 'NOT_FOUND']);
const FINAL_CLOSES = new Set([4400, 4401, 4406, 4409, 4429]);

/** Follow a subscription with dense cursors. Gives { stop, cursor }; `cursor` is that of the last event, to go on from another time. */
export function watch({ after = null, next, ready = () => {}, gap = () => {}, ...more }) {
  let last = after === null ? null : Number(after);
  const held = new Map();
  let late = null;
  const drop = () => { clearTimeout(late); late = null; held.clear(); };
  const run = running(more, () => { drop(); return last === null ? null : String(last); }, (event) => {
    const number = Number(event.cursor);
    if (event.ready) {
      if (event.gap) gap(event);
      last ??= number;
      ready(event);
      return;
    }
    if (last === null || number <= last) return;
    held.set(number, event);
    while (held.has(last + 1)) {
      const found = held.get(last + 1);
      held.delete(last + 1);
      last += 1;
      next(found);
    }
    if (!held.size) drop();
    else late ??= setTimeout(() => run.again(0), HOLD_MS);
  });
  return { stop: () => { drop(); run.stop(); }, get cursor() { return last === null ? null : String(last); } };
}

/** Follow a feed. Gives { stop, cursor }; `gap` is called where events are lost for good: read the lists anew, and go on. */
export function follow({ after = null, next, ready = () => {}, gap = () => {}, ...more }) {
  let greatest = after;
  const ids = new Set(); // the oldest first
  const run = running(more, () => greatest, (event) => {
    if (greatest === null || at(event.cursor) > at(greatest)) greatest = event.cursor;
    if (event.ready) {
      if (event.gap) gap(event);
      ready(event);
      return;
    }
    const known = ids.delete(event.id); // What comes again is remembered anew.
    ids.add(event.id);
    if (known) return;
    if (ids.size > REMEMBERED) ids.delete(ids.values().next().value);
    next(event);
  });
  return { stop: run.stop, get cursor() { return greatest; } };
}

function at(cursor) {
  return BigInt(cursor.slice(cursor.indexOf('.') + 1));
}

let watchers = 0;

/** Keep one subscription going: subscribe, and again after whatever is no final refusal, more and more slowly. */
function running({ subscribe, query, variables = {}, error = (told) => { throw new Error(told.message, { cause: told.cause }); } }, resume, take) {
  // urql and Apollo let two equal operations share one answer, and the second would never be told where it begins. No document declares
  // this variable, so the service passes it over.
  watchers += 1;
  const mine = { ...variables, watcher: watchers };
  let end = () => {};
  let timer = null;
  let wait = FIRST_WAIT_MS;
  let over = false;

  function open() {
    if (over) return;
    let current = true;
    let greeted = false;
    const lost = (reason) => {
      if (!current) return;
      if (final(reason)) {
        stop();
        error(told(reason));
        return;
      }
      again(wait * (0.5 + Math.random() / 2));
      wait = Math.min(2 * wait, LONGEST_WAIT_MS);
    };
    const dispose = subscribe({ query, variables: { ...mine, after: resume() } }, {
      next: ({ data, errors, error: wrong }) => { // Apollo tells in `error` what others do in `errors`, or by themselves.
        if (!current) return;
        if (!data) return lost(wrong ?? errors);
        const [event] = Object.values(data);
        if (event.cursor === undefined || event.ready === undefined) {
          stop();
          return error({ code: 'BAD_USER_INPUT', message: 'select `cursor ready`, of a feed `id cursor ready gap`: without them nothing can be kept', cause: event });
        }
        if (event.ready && greeted) return again(0); // The client below came again by itself, from where we were then.
        if (event.ready) greeted = true;
        else wait = FIRST_WAIT_MS;
        return take(event);
      },
      error: lost,
      complete: () => lost(null),
    });
    end = () => { current = false; dispose?.(); };
  }

  function again(ms) {
    end();
    end = () => {};
    clearTimeout(timer);
    timer = setTimeout(open, ms);
  }

  function stop() {
    over = true;
    clearTimeout(timer);
    end();
  }

  open();
  return { again, stop };
}

/** Whether coming again would be refused again. */
function final(reason) {
  const { code } = told(reason);
  return FINAL_CODES.has(code) || FINAL_CLOSES.has(code);
}

/**
 * Give { code, message, cause } of whatever a client hands over: errors of GraphQL in a list or wrapped, the end of a socket as its event or
 * as a text, and what the cloud tells before an end. `code` is the first error's, or the number of a close, or null.
 */
function told(reason) {
  const errors = Array.isArray(reason) ? reason : reason?.graphQLErrors ?? reason?.errors ?? [];
  const first = errors.find((one) => FINAL_CODES.has(one.extensions?.code)) ?? errors[0];
  if (first) return { code: first.extensions?.code ?? null, message: first.message, cause: reason };
  const message = String(reason?.reason || reason?.message || 'the connection ended');
  const close = /(?:"type":\s*"close |Socket closed with event )(4\d{3})/.exec(message);
  return { code: reason?.code ?? (close ? Number(close[1]) : null), message, cause: reason };
}
