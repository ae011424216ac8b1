// A text as counts of the words or characters that a model knows; as edge_deploy/data/preprocessing/text.py does it.

const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const RUNS_OF_SPACE = new RegExp(`[${SPACE}]{2,}`, 'gu'); // Python's \s, which is not JavaScript's
const SPACES = new RegExp(`[${SPACE}]+`, 'u');
const bytes = new TextEncoder();

/** How many numbers a text becomes, counted in one way or in several. */
export function countsOf({ buckets, vocabulary, also = [] }) {
  return also.reduce((sum, other) => sum + countsOf(other), buckets ?? vocabulary.length);
}

/**
 * The function that counts the n-grams of a text into `input` from place `at` on.
 * @param {Object} text the manifest's: what counts as a token, and where each is counted
 */
export function counter(text) {
  const places = new Map((text.vocabulary ?? []).map((gram, place) => [gram, place]));
  const grams = analyzer(text);
  const others = (text.also ?? []).map(counter);
  return (document, input, at) => {
    for (const gram of grams(document)) {
      const [place, value] = text.buckets ? bucket(gram, text) : [places.get(gram), 1];
      if (place !== undefined) input[at + place] = text.binary ? 1 : input[at + place] + value;
    }
    let next = at + countsOf({ ...text, also: [] });
    for (const [n, count] of others.entries()) {
      count(document, input, next);
      next += countsOf(text.also[n]);
    }
  };
}

function analyzer(text) {
  const [low, high] = text.ngram_range;
  if (text.analyzer === 'char') {
    return (document) => joined([...plain(document, text).replace(RUNS_OF_SPACE, ' ')], low, high, '');
  }
  if (text.analyzer === 'char_wb') return (document) => withinWords(plain(document, text), low, high);
  const pattern = new RegExp(text.portable_pattern, 'gu');
  const stop = new Set(text.stop_words);
  return (document) => {
    const words = [...plain(document, text).matchAll(pattern)]
      .map((match) => (match.length > 1 ? match[1] ?? '' : match[0]))
      .filter((word) => !stop.has(word));
    return joined(words, low, high, ' ');
  };
}

/** Small letters, then no accents. */
function plain(document, { lowercase, strip_accents: accents }) {
  const text = lowercase ? document.toLowerCase() : document;
  if (!accents || /^[\x00-\x7f]*$/.test(text)) return text;
  const apart = text.normalize('NFKD');
  if (accents === 'ascii') return apart.replace(/[^\x00-\x7f]/gu, '');
  return [...apart].filter((character) => !combining(character)).join('');
}

/**
 * Whether a character has a combining class: normalizing then sorts it behind a mark of the
 * lowest class, or before one of a high class. (\p{M} has marks without a class, which Python keeps.)
 */
function combining(character) {
  if (!/\p{M}/u.test(character)) return false;
  const [behind, before] = [`${character}\u0334`, `\u0345${character}`];
  return behind.normalize('NFD') !== behind || before.normalize('NFD') !== before;
}

function joined(parts, low, high, between) {
  if (high === 1) return parts;
  const found = [];
  for (let n = low; n <= Math.min(high, parts.length); n += 1) {
    for (let at = 0; at + n <= parts.length; at += 1) {
      found.push(parts.slice(at, at + n).join(between));
    }
  }
  return found;
}

/** A word that is shorter than n counts once. */
function withinWords(document, low, high) {
  const found = [];
  for (const word of document.split(SPACES).filter(Boolean)) {
    const padded = [' ', ...word, ' '];
    for (let n = low; n <= high; n += 1) {
      const last = Math.max(0, padded.length - n);
      for (let at = 0; at <= last; at += 1) found.push(padded.slice(at, at + n).join(''));
      if (padded.length <= n) break;
    }
  }
  return found;
}

function bucket(gram, { buckets, signed }) {
  const hash = murmurhash3(bytes.encode(gram)) | 0;
  return [Math.abs(hash) % buckets, signed && hash < 0 ? -1 : 1];
}

/** MurmurHash3_x86_32 with seed 0 (Austin Appleby's, public domain). */
function murmurhash3(data) {
  let hash = 0;
  const whole = data.length & ~3;
  for (let at = 0; at < whole; at += 4) {
    hash ^= mixed(data[at] | (data[at + 1] << 8) | (data[at + 2] << 16) | (data[at + 3] << 24));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let at = data.length - 1; at >= whole; at -= 1) rest = (rest << 8) | data[at];
  hash ^= mixed(rest) ^ data.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function mixed(word) {
  const spread = Math.imul(word, 0xcc9e2d51);
  return Math.imul((spread << 15) | (spread >>> 17), 0x1b873593);
}
