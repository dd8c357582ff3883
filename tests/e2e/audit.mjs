// Holds a running service to GraphQL over HTTP with the audit of npm graphql-http.
//
// usage: node audit.mjs URL
//
// Prints one line of JSON for each audit, then a summary. The exit status is 1 when any is not ok.
import { serverAudits } from 'graphql-http';

const [url] = process.argv.slice(2);
if (!url) {
  console.error('usage: node audit.mjs URL');
  process.exit(2);
}

const counts = {};
for (const { id, name, fn } of serverAudits({ url })) {
  const found = await fn(); // throws only when there was no answer at all
  const line = { id, name, status: found.status };
  if (found.status !== 'ok') {
    line.reason = found.reason;
    line.answered = { status: found.response.status, type: found.response.headers.get('content-type') };
  }
  console.log(JSON.stringify(line));
  counts[found.status] = (counts[found.status] ?? 0) + 1;
}
const audits = Object.values(counts).reduce((all, one) => all + one, 0);
console.log(JSON.stringify({ audits, ...counts }));
process.exitCode = counts.ok === audits ? 0 : 1;
