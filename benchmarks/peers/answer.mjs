// The start of the service with npm's `graphql` and `@aws-sdk/client-dynamodb`: one dossier by its code, for whoever has a supervisor's token.
// Bundled into one file; usage: node answer.cjs SCHEMA, the request as JSON on the standard input, settings as the service's. It prints the answer.
import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { buildSchema, graphql } from 'graphql';

const settings = process.env;
const schema = buildSchema(readFileSync(process.argv[2], 'utf8'));
const client = new DynamoDBClient({
  endpoint: settings.GIAMSAT_ENGINE_URL,
  region: settings.GIAMSAT_REGION,
  credentials: { accessKeyId: settings.AWS_ACCESS_KEY_ID, secretAccessKey: settings.AWS_SECRET_ACCESS_KEY },
});
const keys = new Map(
  JSON.parse(readFileSync(settings.GIAMSAT_KEY_SET, 'utf8')).keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]),
);
const read = (part) => JSON.parse(Buffer.from(part, 'base64url'));

function viewer(authorization) {
  const [head, body, signature] = authorization.replace(/^Bearer /, '').split('.');
  const key = keys.get(read(head).kid);
  if (!key || !verify(null, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))) throw new Error('no token of ours');
  const claims = read(body);
  const meant = claims.iss === settings.GIAMSAT_ISSUER && claims.aud === settings.GIAMSAT_AUDIENCE && claims.exp * 1000 > Date.now();
  if (!meant || claims.role !== 'SUPERVISOR') throw new Error('not for this viewer');
  return claims;
}

async function item(pk, sk) {
  const table = `giamsat-${settings.GIAMSAT_STAGE}-subjects`;
  const found = await client.send(new GetItemCommand({ TableName: table, Key: { pk: { S: pk }, sk: { S: sk } }, ConsistentRead: true }));
  return found.Item;
}

async function dossier({ code }) {
  const place = await item(`CODE#${code}`, 'CODE');
  const held = place && (await item(place.subject.S, 'STATE'));
  if (!held) return null;
  const state = JSON.parse(held.state.S);
  return { ...state, version: Number(held.version.N), entries: Number(held.entries.N) };
}

const { headers, body } = JSON.parse(readFileSync(0, 'utf8'));
const { query, variables } = JSON.parse(body);
graphql({ schema, source: query, variableValues: variables, rootValue: { dossier }, contextValue: viewer(headers.authorization) })
  .then((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit()));
