// Has the second verifier judge the bundles of a folder: a line of JSON for each case of `cases.json`, in their order.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { verify } from '../../clients/verify.mjs';

const [folder] = process.argv.slice(2);
for (const { file, options } of JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8'))) {
  const { verdict, limits, counts, failure } = await verify(new Uint8Array(readFileSync(join(folder, file))), options);
  console.log(JSON.stringify({ verdict, limits: [...limits].sort(), counts, message: failure?.message }));
}
