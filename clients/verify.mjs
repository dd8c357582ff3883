// Verifies an export bundle ("The audit format, version 1", sections 1-3, 4, 7, 8 and 9). Without dependencies; runs in browsers and in Node 20.
//
//   verify(bytes, {scope, logKey, witnessKey, held, maxAgeSeconds, now, deep}) -> {verdict, limits, failure, counts, checkpoint, reports}
//
// `now` is in seconds since 1970 (or a Date). `failure.check` is the number of the step in section 9. `reports` is there only if a disclosure
// is in the bundle although it was erased. Nothing is thrown: whatever goes wrong, errors of this program included, is FAILED.

const FOLDER = 'giamsat-export/';
const HEAD = ['bagit.txt', 'bag-info.txt', 'manifest-sha256.txt', 'tagmanifest-sha256.txt'];
const DATA = ['README.txt', 'entry.schema.json', 'request.json', 'checkpoint', 'entries.jsonl', 'states.jsonl', 'disclosures.jsonl', 'outside.jsonl'].map((name) => 'data/' + name);
const ENTRY = 'action actor after changes digests log occurred_at on_behalf_of prev province reason recorded_at request seq subject v';
const ENTRY_END = /,"seq":([1-9]\d*),"subject":\{"id":"([0-9a-f]{32})","kind":"([a-z]{1,32})"\},"v":1\}$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const ID = /^[0-9a-f]{32}$/;
const HASH = /^[0-9a-f]{64}$/;
const ZEROS = '0'.repeat(64);
const LEAF = 73;
// Texts that are the same in every bundle (section 8).
const TEXTS = {
  'data/README.txt': ['c2af323dc6a3c37f4528cf52029f550a0ae9a7cb689a816addac2b29166284e5', 'bde5f62a53fc7fcf07da062d0a7477e7354c536dc7d1d60e4f8c4bc51dded700'],
  'data/entry.schema.json': ['53646b030ccddbd7f68b8946ef3405c928810576801de03728f2fb529b520d63'],
};
const LIMITS = ['PENDING_TAIL', 'LIGHT', 'NO_WITNESS', 'NO_HELD_CHECKPOINT', 'OPEN_PERIOD', 'WITHHELD'];

function need(condition, message) {
  if (condition !== true) throw new Error(message); // only true itself passes, so that a slip such as a missing value cannot
}

// ---- bytes and text

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }); // a byte order mark stays, and is then no JSON
const encode = (text) => encoder.encode(text);
const decode = (bytes) => decoder.decode(bytes);
const latin1 = (bytes) => String.fromCharCode.apply(null, bytes);
const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

function hex(bytes) {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i]];
  return text;
}

function unhex(text) {
  need(typeof text === 'string' && HASH.test(text), 'not a hash in hexadecimal');
  return Uint8Array.from({ length: 32 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

function sameBytes(a, b) {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function fromBase64(text) {
  const binary = atob(text);
  need(btoa(binary) === text, 'not strict Base64'); // atob passes over spaces, missing padding and stray last bits
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

function fromBase64url(text) {
  need(/^[A-Za-z0-9_-]*$/.test(text), 'not Base64url');
  return fromBase64(text.replace(/-/g, '+').replace(/_/g, '/') + '='.repeat((4 - (text.length % 4)) % 4));
}

const toBase64url = (bytes) => btoa(latin1(bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

function* lines(bytes) {
  need(bytes.length === 0 || bytes[bytes.length - 1] === 10, 'the last line is not ended');
  for (let at = 0, end; at < bytes.length; at = end + 1) {
    end = bytes.indexOf(10, at);
    yield bytes.subarray(at, end);
  }
}

// ---- SHA-256, synchronous, since one call of WebCrypto for each of millions of small hashes is too slow

const words = (text) => Int32Array.from(text.trim().split(/\s+/), (word) => parseInt(word, 16));
const START = words('6a09e667 bb67ae85 3c6ef372 a54ff53a 510e527f 9b05688c 1f83d9ab 5be0cd19');
const K = words(`
428a2f98 71374491 b5c0fbcf e9b5dba5 3956c25b 59f111f1 923f82a4 ab1c5ed5 d807aa98 12835b01 243185be 550c7dc3 72be5d74 80deb1fe 9bdc06a7 c19bf174
e49b69c1 efbe4786 0fc19dc6 240ca1cc 2de92c6f 4a7484aa 5cb0a9dc 76f988da 983e5152 a831c66d b00327c8 bf597fc7 c6e00bf3 d5a79147 06ca6351 14292967
27b70a85 2e1b2138 4d2c6dfc 53380d13 650a7354 766a0abb 81c2c92e 92722c85 a2bfe8a1 a81a664b c24b8b70 c76c51a3 d192e819 d6990624 f40e3585 106aa070
19a4c116 1e376c08 2748774c 34b0bcb5 391c0cb3 4ed8aa4a 5b9cca4f 682e6ff3 748f82ee 78a5636f 84c87814 8cc70208 90befffa a4506ceb bef9a3f7 c67178f2`);
const W = new Int32Array(64);

function compress(state, bytes, at) {
  for (let i = 0; i < 16; i++, at += 4) W[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15], y = W[i - 2];
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    W[i] = (W[i - 16] + s0 + W[i - 7] + s1) | 0;
  }
  let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    h = g; g = f; f = e; e = (d + t) | 0;
    d = c; c = b; b = a; a = (t + s0 + ((b & c) ^ (b & d) ^ (c & d))) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d; state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

export function sha256(bytes) {
  const state = START.slice();
  const whole = bytes.length - (bytes.length % 64);
  for (let at = 0; at < whole; at += 64) compress(state, bytes, at);
  const rest = bytes.length - whole;
  const tail = new Uint8Array(rest < 56 ? 64 : 128);
  tail.set(bytes.subarray(whole));
  tail[rest] = 0x80;
  const view = new DataView(tail.buffer);
  view.setUint32(tail.length - 8, Math.floor(bytes.length / 0x20000000));
  view.setUint32(tail.length - 4, (bytes.length << 3) >>> 0);
  for (let at = 0; at < tail.length; at += 64) compress(state, tail, at);
  const out = new DataView(new ArrayBuffer(32));
  for (let i = 0; i < 8; i++) out.setInt32(4 * i, state[i]);
  return new Uint8Array(out.buffer);
}

const hashText = (text) => sha256(encode(text));

// ---- canonical JSON (section 1)

export function canonical(value) {
  if (value === null || value === true || value === false) return String(value);
  if (typeof value === 'number') {
    need(Number.isSafeInteger(value), 'a number that is not an integer below 2^53');
    return String(value);
  }
  if (typeof value === 'string') {
    need(!/\p{Cs}/u.test(value), 'half of a surrogate pair'); // JSON.stringify would write an escape for it
    return JSON.stringify(value);
  }
  need(typeof value === 'object', 'not JSON');
  if (Array.isArray(value)) return '[' + value.map(canonical).join(',') + ']';
  return '{' + Object.keys(value).sort().map((key) => {
    need(/^[\0-\x7f]*$/.test(key), 'a key that is not ASCII');
    return JSON.stringify(key) + ':' + canonical(value[key]);
  }).join(',') + '}';
}

// White space, another order of keys, a key that comes twice, 1.0, -0 or another escape: none of them is written the same again.
function parse(bytes) {
  const text = decode(bytes);
  const value = JSON.parse(text);
  need(isFlat(value, 64), 'nested deeper than 64 levels');
  need(canonical(value) === text, 'not canonical JSON');
  return value;
}

function isFlat(value, levels) {
  return value === null || typeof value !== 'object' || (levels > 0 && Object.values(value).every((one) => isFlat(one, levels - 1)));
}

function hasMembers(value, names) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const expected = names === '' ? [] : names.split(' ');
  return Object.keys(value).length === expected.length && expected.every((name) => Object.hasOwn(value, name));
}

const isList = (value) => Array.isArray(value) && value.every((one) => typeof one === 'string');
const isNumber = (value) => Number.isSafeInteger(value) && value >= 0;

// ---- the zip: local members one behind the other from the first byte on, the central directory, its end, and nothing else

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let i = 0; i < 8; i++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

function crc32(bytes) {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = CRC[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// Section 8 leaves a writer of the frame no choice, so it is made anew from names, sizes and CRCs, and must be the same bytes.
const FULL32 = 0xffffffff;
const u16 = (value) => [value & 255, (value >>> 8) & 255];
const u32 = (value) => [...u16(value), ...u16(value >>> 16)];
const u64 = (value) => [...u32(value % 0x100000000), ...u32(Math.floor(value / 0x100000000))];
const zip64 = (values) => (values.length ? [...u16(1), ...u16(8 * values.length), ...values.flatMap(u64)] : []);

export function headers({ name, size, crc, offset }) { // of one member: in its place, and in the directory
  const wide = size >= FULL32 ? [size, size] : [], far = offset >= FULL32 ? [offset] : [];
  const make = (signature, versions, extra, rest) => [
    ...u32(signature), ...versions, ...u16(0), ...u16(0), ...u16(0), ...u16(0x21), ...u32(crc), ...u32(Math.min(size, FULL32)), ...u32(Math.min(size, FULL32)),
    ...u16(name.length), ...u16(extra.length), ...rest, ...encode(name), ...extra];
  const version = (values) => u16(values.length ? 45 : 20), both = [...wide, ...far];
  return {
    local: make(0x04034b50, version(wide), zip64(wide), []),
    central: make(0x02014b50, [...version(both), ...version(both)], zip64(both), [...u16(0), ...u16(0), ...u16(0), ...u32(0), ...u32(Math.min(offset, FULL32))]),
  };
}

export function zipEnd(count, size, offset) {
  const far = [
    ...u32(0x06064b50), ...u64(44), ...u16(45), ...u16(45), ...u32(0), ...u32(0), ...u64(count), ...u64(count), ...u64(size), ...u64(offset),
    ...u32(0x07064b50), ...u32(0), ...u64(offset + size), ...u32(1)];
  return [...(offset >= FULL32 ? far : []), ...u32(0x06054b50), ...u16(0), ...u16(0), ...u16(count), ...u16(count), ...u32(size), ...u32(Math.min(offset, FULL32)), ...u16(0)];
}

// The members by the names below the folder; of the last one there are two choices, which have another length.
function readZip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), files = new Map(), central = [];
  const same = (at, expected, what) => need(sameBytes(bytes.subarray(at, at + expected.length), expected), `the zip: ${what}`);
  let offset = 0;
  for (const choice of [...HEAD, ...DATA, ['data/leaves', 'data/proofs.jsonl']]) {
    const length = view.getUint16(offset + 26, true), short = view.getUint32(offset + 18, true);
    const name = [choice].flat().find((one) => FOLDER.length + one.length === length);
    need(name !== undefined, `not the members of a bundle, in their order, at ${choice}`);
    const size = short < FULL32 ? short : Number(view.getBigUint64(offset + 30 + length + 4, true));
    const start = offset + 30 + length + (short < FULL32 ? 0 : 20), content = bytes.subarray(start, start + size);
    need(content.length === size, `${name} is cut off`);
    const header = headers({ name: FOLDER + name, size, crc: crc32(content), offset });
    same(offset, header.local, `the header or the CRC of ${name}`);
    files.set(name, content);
    central.push(header.central);
    offset = start + size;
  }
  const rest = [...central.flat(), ...zipEnd(central.length, central.flat().length, offset)];
  same(offset, rest, 'its directory');
  need(offset + rest.length === bytes.length, 'the zip has more behind its end');
  return files;
}

function checkManifest(files, manifest, names) {
  const found = decode(files.get(manifest)).split('\n');
  need(found.length === names.length + 1 && found.pop() === '', `${manifest} has another number of lines`);
  names.forEach((name, i) => {
    const hash = found[i].slice(0, 64), vouched = name === 'data/entries.jsonl' || name === 'data/leaves'; // by the log itself
    need(HASH.test(hash) && found[i].slice(64) === '  ' + name, `${manifest} does not have ${name} in its place`);
    need(vouched || hex(sha256(files.get(name))) === hash, `${manifest}: ${name} has another hash`);
    need((TEXTS[name] ?? [hash]).includes(hash), `${name} is not the text that is in every bundle`);
  });
}

function openBundle(bytes) {
  need(bytes instanceof Uint8Array, 'the bundle is not given as bytes');
  const files = readZip(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)), data = [...files.keys()].filter((name) => name.startsWith('data/'));
  const octets = data.reduce((sum, name) => sum + files.get(name).length, 0);
  need(decode(files.get('bagit.txt')) === 'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n', 'bagit.txt is not what it should be');
  need(decode(files.get('bag-info.txt')) === `Bag-Group-Identifier: giamsat-export\nPayload-Oxum: ${octets}.${data.length}\n`, 'bag-info.txt is not what it should be');
  checkManifest(files, 'tagmanifest-sha256.txt', HEAD.slice(0, 3));
  checkManifest(files, 'manifest-sha256.txt', data);
  return { files, form: files.has('data/leaves') ? 'FULL' : 'LIGHT' };
}

// ---- keys and signed notes

function readKey(text, type, what) {
  const parts = typeof text === 'string' ? /^([^\p{White_Space}\ufeff+\0-\x1f\x7f]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')) : null;
  need(parts !== null, `${what} cannot be read`);
  const key = fromBase64(parts[3]);
  need(key.length === 33 && key[0] === type, `${what} is of another type`);
  const name = encode(parts[1] + '\n');
  const id = hex(sha256(Uint8Array.from([...name, ...key])).subarray(0, 4));
  need(id === parts[2], `${what} has another id than it says`);
  return { name: parts[1], id, type, bytes: key.subarray(1), what };
}

async function signed(key, message, signature) {
  need(signature.length === 64, `the signature of ${key.name} has another length`);
  const imported = await crypto.subtle.importKey('raw', key.bytes, { name: 'Ed25519' }, false, ['verify']);
  need(await crypto.subtle.verify({ name: 'Ed25519' }, imported, signature, message), `the signature of ${key.name} does not hold`);
}

// Every signature by one of the keys must hold, and the first key, the log's, must have signed. The times are those of the witness.
async function openNote(text, keys) {
  const cut = text.lastIndexOf('\n\n');
  need(cut >= 0 && text.endsWith('\n') && !/[\0-\x09\x0b-\x1f\x7f]/.test(text) && encode(text).length <= 65536, 'not a signed note');
  const body = text.slice(0, cut + 1);
  const found = /^([^\n]+)\n(0|[1-9]\d*)\n([^\n]+)\n$/.exec(body);
  need(found !== null && isNumber(Number(found[2])), 'not a checkpoint of three lines');
  const root = fromBase64(found[3]);
  need(root.length === 32, 'the root is not a hash');
  const times = [];
  let byLog = false;
  const signatures = text.slice(cut + 2, -1).split('\n');
  need(signatures.length <= 64, 'more than 64 signatures');
  for (const line of signatures) {
    const parts = /^\u2014 ([^\p{White_Space}\ufeff+]+) ([A-Za-z0-9+/=]+)$/u.exec(line);
    need(parts !== null, 'not a line of a signature');
    const bytes = fromBase64(parts[2]);
    need(bytes.length > 4, 'a signature is too short');
    const key = keys.find((one) => one.name === parts[1] && one.id === hex(bytes.subarray(0, 4)));
    if (key === undefined) continue;
    if (key.type === 1) await signed(key, encode(body), bytes.subarray(4));
    else times.push(await cosigned(key, body, bytes.subarray(4)));
    if (key === keys[0]) byLog = true;
  }
  need(byLog, "no signature by the log's key");
  return { origin: found[1], size: Number(found[2]), root, times };
}

async function cosigned(key, body, bytes) {
  need(bytes.length === 72, `the cosignature of ${key.name} has another length`);
  const time = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  await signed(key, encode(`cosignature/v1\ntime ${time}\n${body}`), bytes.subarray(8));
  return Number(time);
}

function checkAge(times, maxAge, now) {
  const seconds = now instanceof Date ? now.getTime() / 1000 : now;
  need(Number.isFinite(seconds) && Number.isFinite(maxAge) && maxAge >= 0, 'the largest age or the time of now is not a number');
  need(times.some((time) => seconds - time <= maxAge && time - seconds <= 300), "the witness's cosignature is too old, or ahead of time");
}

// ---- the tree (RFC 9162 section 2.1)

const pair = new Uint8Array(65);
function nodeHash(left, right) {
  pair[0] = 1;
  pair.set(left, 1);
  pair.set(right, 33);
  return sha256(pair);
}

function leafHash(leaf) {
  const bytes = new Uint8Array(1 + LEAF);
  bytes.set(leaf, 1);
  return sha256(bytes);
}

// The roots over the first so many leaves, for each of the sizes.
export function rootsOf(leaves, sizes) {
  const stack = [], roots = new Map();
  for (let n = 0; ; n++) {
    if (sizes.includes(n)) roots.set(n, stack.length ? stack.map((one) => one.hash).reduceRight((right, left) => nodeHash(left, right)) : sha256(new Uint8Array(0)));
    if ((n + 1) * LEAF > leaves.length) return roots;
    let top = { hash: leafHash(leaves.subarray(n * LEAF, (n + 1) * LEAF)), width: 1 };
    while (stack.length && stack[stack.length - 1].width === top.width) top = { hash: nodeHash(stack.pop().hash, top.hash), width: 2 * top.width };
    stack.push(top);
  }
}

function included(leaf, index, hashes, { size, root }) {
  if (index >= size) return false;
  let hash = leafHash(leaf), at = index, last = size - 1;
  for (const other of hashes) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(other, hash);
      while (at % 2 === 0 && at !== 0) { at /= 2; last = Math.floor(last / 2); }
    } else hash = nodeHash(hash, other);
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && sameBytes(hash, root);
}

const subjectTag = (id) => hashText('tag/v1\0' + id);
const unitTag = (unit) => hashText('unit/v1\0' + unit);

function makeLeaf(kind, tag, number, hash) {
  const leaf = new Uint8Array(LEAF);
  leaf[0] = kind;
  leaf.set(tag, 1);
  new DataView(leaf.buffer).setBigUint64(33, BigInt(number));
  leaf.set(hash, 41);
  return leaf;
}

// Both logs answer the same: open(id), then take(seq, hash, unit) for each line, which gives the place of its leaf and, for the first of a
// dossier, its number in the unit's register, or null where the tree does not have the line; close() at the subject's end.

class FullLog { // all leaves, and the places of those of each tag
  constructor(leaves, size) {
    need(leaves.length === size * LEAF, 'another number of leaves than the checkpoint has');
    const view = new DataView(leaves.buffer, leaves.byteOffset, leaves.byteLength);
    Object.assign(this, { leaves, view, size, places: new Map(), subjectLeaves: 0 });
    for (let i = 0; i < size; i++) this.add(i);
  }

  add(i) {
    const kind = this.leaves[i * LEAF], key = latin1(this.part(i, 0, 33)), places = this.places.get(key) ?? [];
    need(kind === 1 || kind === 2, `leaf ${i} is of no known kind`);
    need(this.number(i) === places.push(i), `leaf ${i} does not have the next number of its tag`);
    if (places.length === 1) this.places.set(key, places);
    if (kind === 1) this.subjectLeaves++;
    else need(i > 0 && this.leaves[(i - 1) * LEAF] === 1 && this.number(i - 1) === 1 && sameBytes(this.part(i, 41, 73), this.part(i - 1, 41, 73)), `leaf ${i} is not right behind that of a first entry`);
  }

  part(i, from, to) { return this.leaves.subarray(i * LEAF + from, i * LEAF + to); }
  number(i) { return Number(this.view.getBigUint64(i * LEAF + 33)); }
  of(kind, tag) { return this.places.get(latin1([kind, ...tag])) ?? []; }
  registered(unit) { return this.of(2, unitTag(unit)).length; }
  open(id) { Object.assign(this, { own: this.of(1, subjectTag(id)), taken: 0 }); }
  close() { need(this.taken === this.own.length, 'the log has more entries of it than are here'); }
  end() {}

  take(seq, hash, unit) {
    if (this.taken === this.own.length) return null;
    const index = this.own[this.taken++];
    need(sameBytes(this.part(index, 41, 73), hash), 'the log has another hash for it');
    const registered = index + 1 < this.size && this.leaves[(index + 1) * LEAF] === 2;
    need(registered === (unit !== undefined), "the unit's leaf is not behind it, or one is that should not be");
    if (unit === undefined) return { index };
    need(sameBytes(this.part(index + 1, 1, 33), unitTag(unit)), 'the leaf behind it is of another unit');
    return { index, number: this.number(index + 1) };
  }
}

class LightLog { // one proof for each line, empty for one that the tree does not have
  constructor(bytes, checkpoint) { Object.assign(this, { checkpoint, proofs: lines(bytes) }); }

  registered() { return 0; } // not seen
  close() {}
  end() { need(this.proofs.next().done === true, 'more proofs than entries'); }

  open(id) {
    this.tag = subjectTag(id);
    this.last = -1;
  }

  take(seq, hash, unit) {
    const { value } = this.proofs.next();
    need(value !== undefined, 'its proof is missing');
    const proof = parse(value);
    if (hasMembers(proof, '')) return null;
    need(hasMembers(proof, unit === undefined ? 'hashes index' : 'hashes index register'), "its proof is wrong, or that of the unit's leaf missing or too much");
    need(proof.index > this.last, 'the indices of the proofs do not grow');
    this.prove(proof, makeLeaf(1, this.tag, seq, hash));
    this.last = proof.index;
    return { index: proof.index, number: unit === undefined ? undefined : this.register(proof, unit, hash) };
  }

  prove({ index, hashes }, leaf) {
    need(isNumber(index) && isList(hashes), 'a proof is wrong');
    need(included(leaf, index, hashes.map(unhex), this.checkpoint), 'its proof does not lead to the root');
  }

  register({ index, register }, unit, hash) {
    need(hasMembers(register, 'hashes index number unit') && register.unit === unit && isNumber(register.number), "the proof of the unit's leaf is wrong");
    need(register.number > 0 && register.index === index + 1, "the unit's leaf is not behind it");
    this.prove(register, makeLeaf(2, unitTag(unit), register.number, hash));
    return register.number;
  }
}

// ---- entries, states and disclosures

const fieldHash = (name, value) => hex(hashText('giamsat/field/v1\0' + canonical([name, value])));

function stateHash(hashes) { // of a map from fields to their commitments
  return hex(hashText('giamsat/state/v1\0' + canonical(Object.fromEntries(hashes))));
}

// The digests of the references that an entry makes first; true for those of personal values.
function references(entry, seq) {
  const found = new Map();
  const walk = (value, personal) => {
    if (value === null || typeof value !== 'object') return;
    if (hasMembers(value, 'digest entry') && typeof value.digest === 'string' && Number.isSafeInteger(value.entry)) {
      if (value.entry === seq) found.set(value.digest, found.get(value.digest) === true || personal);
      return;
    }
    for (const one of Object.values(value)) walk(one, personal);
  };
  for (const name of ['actor', 'on_behalf_of', 'reason']) walk(entry[name], name !== 'reason');
  for (const { field, to } of entry.changes) walk(to, field === 'applicant');
  return found;
}

function checkMembers(entry, line, log) {
  need(hasMembers(entry, ENTRY) && entry.v === 1 && entry.log === log, 'not an entry of this log');
  need(isFlat(entry, 64) && canonical(entry) === line.text, 'not canonical JSON');
  need(Array.isArray(entry.changes) && entry.changes.every((one) => hasMembers(one, 'field from to') && typeof one.field === 'string'), 'its changes are none');
  need(isList(entry.digests) && typeof entry.recorded_at === 'string', 'its digests or its time are none');
  need(entry.seq === line.seq && entry.prev === line.prev, 'seq or prev is not where it should be');
}

// The unit into whose register a dossier's first entry goes; undefined for any other entry.
function openingUnit(entry, { kind, seq }) {
  if (kind !== 'dossier' || seq !== 1) return undefined;
  const units = entry.changes.filter((change) => change.field === 'unit').map((change) => change.to);
  need(units.length === 1 && typeof units[0] === 'string', "a dossier's first entry does not give its unit");
  return units[0];
}

class Replay { // depth: the state that the entries lead to, step by step
  constructor() { Object.assign(this, { values: new Map(), hashes: new Map(), recorded: '' }); }

  apply(entry, found) {
    let before = null;
    for (const change of entry.changes) {
      need(hasMembers(change, 'field from to') && typeof change.field === 'string', 'a change is wrong');
      const { field, from, to } = change, text = canonical(to);
      need(before === null || before < field, 'the changes are not in order, or name a field twice');
      need((this.values.get(field) ?? 'null') === canonical(from) && canonical(from) !== text, `the change of ${field} does not lead on from what stood there`);
      if (to === null) { this.values.delete(field); this.hashes.delete(field); } else { this.values.set(field, text); this.hashes.set(field, fieldHash(field, to)); }
      before = field;
    }
    need(stateHash(this.hashes) === entry.after, 'the changes do not lead to the state of `after`');
    need(typeof entry.recorded_at === 'string' && INSTANT.test(entry.recorded_at) && entry.recorded_at > this.recorded, 'recorded_at does not grow');
    this.recorded = entry.recorded_at;
    need(canonical([...found.keys()].sort()) === canonical(entry.digests), 'the digests are not those of the references, sorted');
  }
}

// The lines of the entries, with what their text alone says: whose they are, their number, and what stands before them.
function* entryLines(bytes) {
  for (const line of lines(bytes)) {
    const text = decode(line);
    const end = ENTRY_END.exec(text.slice(-160));
    need(end !== null, 'a line does not end as an entry does');
    const at = text.lastIndexOf('"prev":"') + 8;
    yield { text, hash: sha256(line), seq: Number(end[1]), id: end[2], kind: end[3], prev: at < 8 ? '' : text.slice(at, text.indexOf('"', at)) };
  }
}

function checkEntries(run, files, log, name, deep) {
  const states = lines(files.get('data/states.jsonl')), subjects = new Map();
  let subject = null;
  for (const line of entryLines(files.get('data/entries.jsonl'))) {
    if (subject === null || line.id !== subject.id) {
      if (subject !== null) closeSubject(run, subject, states, log, name);
      run.at = { subject: line.id, seq: line.seq };
      need(!subjects.has(line.id), 'a subject comes twice');
      subject = { id: line.id, kind: line.kind, count: 0, inTree: 0, head: ZEROS, digests: new Map(), pending: new Set(), replay: deep ? new Replay() : null };
      subjects.set(line.id, subject);
      run.counts.subjects++;
      log.open(line.id);
    }
    run.at = { subject: line.id, seq: line.seq };
    checkEntry(run, subject, line, log, name);
  }
  if (subject !== null) closeSubject(run, subject, states, log, name);
  run.check = 7;
  need(states.next().done === true, 'a state of no subject');
  return subjects;
}

function checkEntry(run, subject, line, log, name) {
  run.check = 6;
  need(line.kind === subject.kind && line.seq === subject.count + 1, 'the lines of a subject are not numbered one after the other');
  need(line.prev === subject.head, 'prev is not the hash of the line before');
  const entry = JSON.parse(line.text); // also without depth, for the digests of step 9
  need(Array.isArray(entry.changes) && isList(entry.digests), 'changes or digests are no lists');
  run.check = 7;
  if (line.seq === 1 || subject.replay !== null) checkMembers(entry, line, name);
  run.check = 6;
  placeEntry(run, subject, log, entry, line, name);
  const found = references(entry, line.seq);
  if (entry.digests.length > 0) subject.digests.set(line.seq, new Map(entry.digests.map((digest) => [digest, found.get(digest) === true])));
  run.check = 8;
  subject.replay?.apply(entry, found);
  run.check = 6;
  Object.assign(subject, { count: line.seq, head: hex(line.hash), entry, line });
  run.counts.entries++;
}

function placeEntry(run, subject, log, entry, line, name) {
  const unit = openingUnit(entry, line), place = log.take(line.seq, line.hash, unit);
  if (place === null) {
    run.counts.pending++;
    run.check = 7;
    checkMembers(entry, line, name);
    entry.changes.forEach(({ field }) => subject.pending.add(field));
    return;
  }
  need(subject.inTree === subject.count, 'the log has it, but not the line before');
  if (line.seq === 1) {
    need(place.index > run.lastFirst, 'the subjects are not in the order of their first leaves');
    run.lastFirst = place.index;
    Object.assign(subject, { unit, number: place.number, recorded: entry.recorded_at });
  }
  subject.inTree++;
}

function closeSubject(run, subject, states, log, name) {
  run.at = { subject: subject.id, seq: subject.count };
  run.check = 6;
  log.close();
  if (subject.inTree === 0) run.lastFirst = Infinity; // behind a subject that the tree does not have, there is none that it has
  run.check = 7;
  const { entry, line, replay } = subject;
  checkMembers(entry, line, name);
  const next = states.next();
  need(next.done === false, 'its state is missing');
  const state = parse(next.value);
  need(hasMembers(state, 'entries state subject') && state.subject === subject.id && state.entries === subject.count, 'the line of its state is of another subject or number');
  const fields = Object.entries(state.state);
  need(canonical(state.state)[0] === '{' && fields.every(([, value]) => value !== null), 'the state is not an object of fields');
  // The commitment being that of the last line, the state is also the one that the replayed changes led to.
  need(stateHash(fields.map(([field, value]) => [field, replay?.values.get(field) === canonical(value) ? replay.hashes.get(field) : fieldHash(field, value)])) === entry.after, 'the state is not that of `after`');
  subject.erased = new Set();
  for (const [field, value] of fields) if (/^erasures\.[1-9]\d*$/.test(field) && !subject.pending.has(field) && isList(value.digests)) value.digests.forEach((digest) => subject.erased.add(digest));
  delete subject.replay; // not needed any more, and large
  delete subject.entry;
  delete subject.line;
}

function digestOf(disclosure) {
  const parts = parse(fromBase64url(disclosure));
  need(isList(parts) && parts.length === 3, 'a disclosure is not three strings');
  return toBase64url(sha256(encode(disclosure)));
}

function checkDisclosures(run, bytes, subjects) {
  const order = new Map([...subjects.keys()].map((id, i) => [id, i]));
  let before = [-1, 0];
  for (const line of lines(bytes)) {
    const { disclosures, seq, subject: id, ...more } = parse(line);
    need(Object.keys(more).length === 0 && isList(disclosures) && disclosures.length > 0, 'a line of disclosures is wrong');
    need(typeof id === 'string' && subjects.has(id) && Number.isSafeInteger(seq), 'disclosures of no entry here');
    run.at = { subject: id, seq };
    need(order.get(id) > before[0] || (order.get(id) === before[0] && seq > before[1]), 'the disclosures are not in the order of the entries');
    before = [order.get(id), seq];
    takeDisclosures(run, subjects.get(id), seq, disclosures.map(digestOf));
  }
  run.at = {};
  for (const subject of subjects.values()) countRest(run, subject);
}

function takeDisclosures(run, subject, seq, digests) {
  const expected = subject.digests.get(seq);
  need(expected !== undefined, 'disclosures of an entry that has none');
  digests.forEach((digest, i) => {
    need(i === 0 || digests[i - 1] < digest, 'the disclosures are not in the order of their digests');
    need(expected.delete(digest), 'a disclosure that its entry does not have');
    run.counts.disclosures++;
    if (subject.erased.has(digest)) run.reports.push(`a disclosure is here although it was erased: ${subject.id} ${seq} ${digest}`);
  });
}

function countRest(run, subject) {
  for (const digests of subject.digests.values()) {
    for (const [digest, personal] of digests) run.counts[!personal ? 'withheld' : subject.erased.has(digest) ? 'erased' : 'personal']++;
  }
}

// ---- the scope

function readScope(scope) {
  need(scope !== null && typeof scope === 'object', 'no scope');
  const { kind, dossier, unit, from, to } = scope;
  if (kind === 'ALL') return { kind };
  if (kind === 'DOSSIER') {
    need(typeof dossier === 'string' && ID.test(dossier), 'the id of the dossier is not one');
    return { dossier, kind };
  }
  need(kind === 'UNIT' && typeof unit === 'string' && unit !== '', 'no scope of a known kind');
  need([from, to].every((one) => typeof one === 'string' && INSTANT.test(one)), 'the period has no two instants');
  return { from, kind, to, unit };
}

// The first entries next to a unit's dossiers, placed in the log as those of the bundle are.
function checkOutside(run, bytes, log, name, scope) {
  const outside = [];
  for (const line of entryLines(bytes)) {
    Object.assign(run, { check: 7, at: { subject: line.id, seq: line.seq } });
    need(scope.kind === 'UNIT' && line.kind === 'dossier' && line.seq === 1 && line.prev === ZEROS, 'not the first entry of a dossier next to those of a unit');
    const entry = JSON.parse(line.text);
    checkMembers(entry, line, name);
    run.check = 6;
    need(Array.isArray(entry.changes), 'changes are no list');
    const unit = openingUnit(entry, line);
    log.open(line.id);
    const place = log.take(1, line.hash, unit);
    need(place !== null, 'the log does not have it');
    outside.push({ unit, number: place.number, recorded: entry.recorded_at });
  }
  run.check = 6;
  run.at = {};
  log.end();
  return outside;
}

// One row of the register without a gap: the one before, those of the bundle, the one behind.
function checkUnit(scope, subjects, outside, log) {
  const is = { before: (one) => one.recorded < scope.from, behind: (one) => one.recorded >= scope.to };
  need(outside.length <= 2 && outside.every((one) => typeof one.recorded === 'string' && INSTANT.test(one.recorded)), 'more than two neighbours, or one without an instant');
  const before = outside.length > 0 && is.before(outside[0]) ? outside[0] : null;
  const behind = outside.length > (before ? 1 : 0) ? outside[outside.length - 1] : null;
  need(outside.length === (before ? 1 : 0) + (behind ? 1 : 0) && (behind === null || is.behind(behind)), 'a neighbour was recorded in the period');
  const row = [...(before ? [before] : []), ...subjects, ...(behind ? [behind] : [])];
  const first = before ? before.number : 1;
  const inside = [...subjects], [lowest, highest] = [inside[0], inside[inside.length - 1]];
  need(inside.every((one) => INSTANT.test(one.recorded)), 'a dossier was opened at no instant');
  need(inside.length === 0 || (!is.before(lowest) && !is.behind(highest)), 'they are not those of the period');
  row.forEach((one, i) => need(one.unit === scope.unit && one.number === first + i, "the numbers of the unit's register have a gap, or are another unit's"));
  need(behind !== null || log.registered(scope.unit) < first + row.length, 'the register has more behind the last one');
}

function checkScope(run, form, scope, subjects, outside, log) {
  const all = [...subjects.values()];
  if (scope.kind === 'UNIT') {
    need(form === 'FULL' || all.length + outside.length > 0, 'nothing shows that there is nothing');
    return checkUnit(scope, all, outside, log);
  }
  need(all.some((one) => one.inTree > 0), 'a bundle without entries that the log has');
  if (scope.kind === 'DOSSIER') need(all.length === 1 && all[0].kind === 'dossier' && all[0].id === scope.dossier, 'another subject than the dossier asked for');
  else need(form === 'FULL' && run.counts.entries - run.counts.pending === log.subjectLeaves, 'the log has entries that are not here');
}

// ---- all of it, in the order of section 9

async function checkRequest(run, files, form, scope, keys) {
  const request = parse(files.get('data/request.json'));
  need(hasMembers(request, 'form log scope size v') && request.v === 1 && request.form === form, 'the request is wrong');
  need(canonical(request.scope) === canonical(scope), 'the request has another scope');
  need(request.log === keys[0].name, "the log's name is not that of the key");
  const checkpoint = await openNote(decode(files.get('data/checkpoint')), keys);
  need(checkpoint.origin === request.log && checkpoint.size === request.size, 'the checkpoint is not that of the request');
  need(checkpoint.size > 0, 'the log is empty');
  run.checkpoint = { origin: checkpoint.origin, size: checkpoint.size, root: btoa(latin1(checkpoint.root)) };
  return checkpoint;
}

function checkHeld(run, form, held, checkpoint, roots) {
  need(held.origin === checkpoint.origin && held.size <= checkpoint.size, 'the held checkpoint is of another log, or larger');
  if (form === 'LIGHT' && held.size < checkpoint.size) run.limits.add('NO_HELD_CHECKPOINT');
  else need(sameBytes(held.root, held.size === checkpoint.size ? checkpoint.root : roots.get(held.size)), 'the held checkpoint has another root');
}

async function checkAll(run, bytes, options) {
  const { logKey, witnessKey, held: heldText, maxAgeSeconds, now = Date.now() / 1000 } = options;
  const { files, form } = openBundle(bytes);
  run.check = 2;
  const scope = readScope(options.scope);
  const keys = [readKey(logKey, 1, "the log's key")];
  if (witnessKey != null) keys.push(readKey(witnessKey, 4, "the witness's key"));
  const checkpoint = await checkRequest(run, files, form, scope, keys);
  run.check = 3;
  need(witnessKey != null || maxAgeSeconds == null, 'a largest age without the key of a witness');
  if (witnessKey == null) run.limits.add('NO_WITNESS');
  else need(checkpoint.times.length > 0, 'no cosignature by the witness');
  if (scope.kind === 'UNIT' && witnessKey != null && Math.max(...checkpoint.times) < Date.parse(scope.to) / 1000) run.limits.add('OPEN_PERIOD');
  if (maxAgeSeconds != null) checkAge(checkpoint.times, maxAgeSeconds, now);
  run.check = 5;
  const held = heldText == null ? null : await openNote(heldText, keys);
  run.check = 4;
  const full = form === 'FULL' ? files.get('data/leaves') : null;
  const log = full ? new FullLog(full, checkpoint.size) : new LightLog(files.get('data/proofs.jsonl'), checkpoint);
  const roots = full ? rootsOf(full, [checkpoint.size, held?.size]) : null;
  if (full) need(sameBytes(roots.get(checkpoint.size), checkpoint.root), "the leaves do not have the checkpoint's root");
  else run.limits.add('LIGHT');
  run.check = 5;
  if (held) checkHeld(run, form, held, checkpoint, roots);
  else run.limits.add('NO_HELD_CHECKPOINT');
  run.check = 6;
  const subjects = checkEntries(run, files, log, checkpoint.origin, options.deep ?? scope.kind === 'DOSSIER');
  const outside = checkOutside(run, files.get('data/outside.jsonl'), log, checkpoint.origin, scope);
  Object.assign(run, { check: 9, at: {} });
  checkDisclosures(run, files.get('data/disclosures.jsonl'), subjects);
  run.check = 10;
  checkScope(run, form, scope, subjects, outside, log);
  if (run.counts.pending > 0) run.limits.add('PENDING_TAIL');
  if (run.counts.withheld > 0) run.limits.add('WITHHELD');
}

export async function verify(bytes, options) {
  const counts = { entries: 0, subjects: 0, pending: 0, disclosures: 0, personal: 0, erased: 0, withheld: 0 };
  const run = { check: 1, at: {}, counts, limits: new Set(), reports: [], lastFirst: -1, checkpoint: undefined };
  let failure;
  try {
    await checkAll(run, bytes, options ?? {});
  } catch (error) {
    failure = { check: run.check, message: String(error?.message ?? error), ...run.at };
  }
  const limits = failure ? [] : LIMITS.filter((limit) => run.limits.has(limit));
  const result = { verdict: failure ? 'FAILED' : limits.length > 0 ? 'LIMITED' : 'VERIFIED', limits, counts };
  if (failure) result.failure = failure;
  if (run.checkpoint) result.checkpoint = run.checkpoint;
  if (run.reports.length > 0) result.reports = run.reports;
  return result;
}

// ---- the command line, in Node only

const USAGE = `usage: node verify.mjs BUNDLE (--dossier ID | --unit CODE --period P | --all) --vkey FILE
                       [--witness FILE [--max-age TIME]] [--held FILE] [--deep] [--json]`;
const HELP = `${USAGE}

Verify an export of the trail, offline. What it is to be of, and all keys, come from you and never from the file.

  BUNDLE           the file that was exported
  --dossier ID     it is of this dossier: its id, as the API gives it or in hexadecimal
  --unit CODE      it is of what this unit opened in --period
  --period P       2026, 2026-Q1, 2026-03 (of Viet Nam), or two instants FROM/TO with offsets from UTC
  --all            it is of everything
  --vkey FILE      the log's key, which you have from elsewhere
  --witness FILE   the key of a witness, who must have cosigned it
  --held FILE      a checkpoint that you hold: the log must go on from it
  --max-age TIME   how old the witness's cosignature may be, as 24h
  --deep           follow each entry's changes as well; always so with --dossier
  --json           print what came of it as one line of JSON

Status: 0 verified, 1 failed, 2 wrong usage, 3 unreadable, 4 verified with limits, each of which is named.
Example: node verify.mjs export.zip --dossier 5f0c6f0e5b1d4f7a9f3f0a4f0e2b1c3d --vkey log.vkey --witness witness.vkey`;
const MEANT = {
  PENDING_TAIL: 'the last entries were not in the log yet: ask for the export again in a minute',
  LIGHT: "the form is LIGHT: entries missing at the end of a chain, and a unit's last dossiers, do not show; ask for the form FULL",
  NO_WITNESS: 'nobody but the log itself vouches for the checkpoint: give the key of a witness with --witness',
  NO_HELD_CHECKPOINT: 'it was compared with no earlier checkpoint: give one that you hold with --held; LIGHT can only be compared with one of its own size',
  OPEN_PERIOD: 'the period was not over when the witness saw the checkpoint: ask for the export again when it is',
  WITHHELD: 'texts are missing that no entry says were erased: their digests hold, and after a restore from a backup they are lost of what came behind it; ask the operator which it is',
};
const TIMES = { s: 1, m: 60, h: 3600, d: 86400 };

function readId(text) {
  let decoded = text;
  try { decoded = latin1(fromBase64url(text.replace(/=+$/, ''))).replace(/^dossier:/, ''); } catch { /* it is in hexadecimal */ }
  const id = [decoded, text].find((one) => ID.test(one));
  need(id !== undefined, "a dossier's id is what the API gives as `id`, or 32 hexadecimal digits");
  return id;
}

// A period's begin, in it, and end, not in it; months are those of Viet Nam, seven hours ahead of UTC all year.
function readPeriod(text) {
  const found = /^(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?$/.exec(text);
  if (found && isYear(text)) {
    const [, year, quarter, month] = found, first = month ? Number(month) - 1 : quarter ? 3 * quarter - 3 : 0;
    const at = (months) => new Date(Date.UTC(Number(year), months) - 7 * 3600 * 1000).toISOString().replace('Z', '000Z');
    return { from: at(first), to: at(first + (month ? 1 : quarter ? 3 : 12)) };
  }
  const [from, to, ...more] = text.split('/').map(readInstant);
  need(more.length === 0 && from !== undefined && to !== undefined && from < to, `a period is 2026, 2026-Q1, 2026-03 or FROM/TO, not ${text}`);
  return { from, to };
}

function readInstant(text) { // RFC 3339, to the microsecond, as the format writes it
  const found = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:(?<=:\d\d:\d\d)\.(\d{1,6})\d*)?([Zz]|[+-]\d\d:\d\d)$/.exec(text);
  const day = found && new Date(`${found[1]}T00:00:00Z`);
  if (!found || Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== found[1] || found[2] >= '24' || !isYear(found[1])) return undefined;
  const at = found ? new Date(`${found[1]}T${found[2]}${found[4].toUpperCase()}`) : new Date(NaN);
  return Number.isNaN(at.getTime()) ? undefined : `${at.toISOString().slice(0, 19)}.${(found[3] ?? '').padEnd(6, '0')}Z`;
}

const isYear = (text) => Number(text.slice(0, 4)) >= 1000 && Number(text.slice(0, 4)) <= 9998;

function readAge(text) {
  const found = /^([1-9]\d{0,5})([smhd])$/.exec(text);
  need(found !== null, `a time is as 30m, 24h or 7d, not ${text}`);
  return Number(found[1]) * TIMES[found[2]];
}

function readArguments(parseArgs, words) {
  const names = ['dossier', 'unit', 'period', 'vkey', 'witness', 'held', 'max-age'], flags = ['all', 'deep', 'json', 'help'];
  const options = Object.fromEntries([...names.map((name) => [name, { type: 'string', multiple: true }]), ...flags.map((name) => [name, { type: 'boolean' }])]);
  const { values, positionals } = parseArgs({ args: words, options, allowPositionals: true });
  if (values.help) return values;
  const given = { all: values.all, deep: values.deep, json: values.json };
  for (const name of names) [given[name]] = values[name] ?? [];
  need(positionals.length < 2 && names.every((name) => (values[name] ?? []).length < 2), 'one bundle, and nothing twice');
  const scopes = ['dossier', 'unit', 'all'].filter((name) => given[name] !== undefined);
  need(positionals.length === 1 && given.vkey !== undefined && scopes.length > 0, 'needed are BUNDLE, --vkey and what it is of: --dossier ID, --unit CODE with --period P, or --all');
  need(scopes.length === 1, 'an export has one scope');
  need((given.unit === undefined) === (given.period === undefined), '--unit and --period come together');
  need(given['max-age'] === undefined || given.witness !== undefined, "--max-age is of a witness's cosignature: give its key with --witness");
  const scope = given.all ? { kind: 'ALL' } : given.unit === undefined ? { kind: 'DOSSIER', dossier: readId(given.dossier) } : { kind: 'UNIT', unit: given.unit, ...readPeriod(given.period) };
  return { ...given, bundle: positionals[0], scope: readScope(scope), maxAgeSeconds: given['max-age'] === undefined ? undefined : readAge(given['max-age']) };
}

function checkReadable(bundle, { logKey, witnessKey, held }) { // what is nothing of the kind is no evidence of anything
  readKey(logKey, 1, "the log's key");
  if (witnessKey !== undefined) readKey(witnessKey, 4, "the witness's key");
  if (held !== undefined) need(!/[\0-\x09\x0b-\x1f\x7f]/.test(held) && /^[^\n]+\n\d+\n[A-Za-z0-9+/]{43}=\n\n(\u2014 [^\n]+\n)+$/.test(held), 'what you hold is no checkpoint');
  const begins = [...u32(0x04034b50)], name = encode(FOLDER + HEAD[0]);
  need(sameBytes(bundle.subarray(0, 4), begins) && sameBytes(bundle.subarray(30, 30 + name.length), name), `the file is no bundle: it does not begin with ${FOLDER}${HEAD[0]}`);
}

function tell({ verdict, failure, limits, counts, checkpoint, reports = [] }) {
  if (failure) {
    const at = failure.seq ? `entry ${failure.seq} of ${failure.subject}: ` : failure.subject ? `${failure.subject}: ` : '';
    const mine = [2, 3].includes(failure.check) || /, or larger$/.test(failure.message);
    const cut = failure.check === 1 ? 'Compare its size and SHA-256 with `bytes` and `sha256` of the export, and fetch it again if they differ. If they are the same, keep' : 'Keep';
    const todo = mine ? 'Keep the file, see whether scope, keys and checkpoint are those that it was asked for with, or ask for a new export.' : `${cut} the file as it is: it may prove that the trail was changed.`;
    return [`FAILED (step ${failure.check} of the format's section 9): ${at}${failure.message}`, todo];
  }
  return [
    `VERIFIED${verdict === 'LIMITED' ? ' WITH LIMITS' : ''}: ${counts.entries} entries of ${counts.subjects} subjects, in the log ${checkpoint.origin} of ${checkpoint.size} leaves`,
    `  texts: ${counts.disclosures} shown, ${counts.personal} personal and left out, ${counts.erased} erased`,
    ...limits.map((limit) => `  ${limit}: ${MEANT[limit]}`), ...reports.map((report) => `  ${report}`)];
}

async function readWhole(open, path) { // in pieces, since a file may be larger than what one read takes
  const file = await open(path);
  try {
    const bytes = new Uint8Array((await file.stat()).size);
    for (let at = 0, read; at < bytes.length; at += read) {
      read = (await file.read(bytes, at, Math.min(bytes.length - at, 1 << 28), at)).bytesRead;
      need(read > 0, `${path} ended early`);
    }
    return bytes;
  } finally {
    await file.close();
  }
}

async function main(words) {
  const [{ open }, { parseArgs }] = [await import('node:fs/promises'), await import('node:util')];
  let given, texts, bundle;
  try { given = readArguments(parseArgs, words); } catch (error) { console.error(`verify.mjs: ${error.message} (see --help)`); return 2; }
  if (given.help) { console.log(HELP); return 0; }
  try {
    const text = async (path) => (path === undefined ? undefined : new TextDecoder().decode(await readWhole(open, path)));
    texts = { logKey: await text(given.vkey), witnessKey: await text(given.witness), held: await text(given.held) };
    bundle = await readWhole(open, given.bundle);
    checkReadable(bundle, texts);
    if (texts.held !== undefined) await openNote(texts.held, [readKey(texts.logKey, 1, "the log's key")]);
  } catch (error) { console.error(`verify.mjs: ${error.message}`); return 3; }
  const result = await verify(bundle, { scope: given.scope, ...texts, maxAgeSeconds: given.maxAgeSeconds, deep: given.deep });
  console.log(given.json ? JSON.stringify(result) : tell(result).join('\n'));
  return { VERIFIED: 0, FAILED: 1, LIMITED: 4 }[result.verdict];
}

if (typeof process !== 'undefined' && process.versions?.node && process.argv[1]) {
  const [{ pathToFileURL }, { realpathSync, existsSync }] = [await import('node:url'), await import('node:fs')];
  if (existsSync(process.argv[1]) && pathToFileURL(realpathSync(process.argv[1])).href === import.meta.url) process.exitCode = await main(process.argv.slice(2));
}
