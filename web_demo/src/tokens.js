// A text as the ids of the tokens that a model knows; as edge_deploy/data/preprocessing/tokens.py does it.

const BLANKS = /[\t-\r ]+/; // ASCII's, as tf.strings.split has them

/**
 * The function that writes the numbers of a text into `input` from place `at` on.
 * @param {Object} tokens the manifest's: how a text is cut, and the id of each piece
 */
export function tokenizer(tokens) {
  const { vocabulary, first, length, output, pad_value: pad } = tokens;
  const places = new Map();
  for (const [n, word] of vocabulary.entries()) if (word) places.set(word, first + n);
  const unknown = tokens.unknown ?? undefined;
  return (document, input, at) => {
    const ids = pieces(document, tokens).map((piece) => places.get(piece) ?? unknown);
    const known = ids.filter((id) => id !== undefined);
    if (output === 'ids') {
      const kept = tokens.truncating === 'pre' ? known.slice(-length) : known.slice(0, length);
      const start = tokens.padding === 'pre' ? length - kept.length : 0;
      for (let n = 0; n < length; n += 1) input[at + n] = kept[n - start] ?? pad;
    } else {
      for (const id of known) input[at + id] = output === 'binary' ? 1 : input[at + id] + 1;
    }
  };
}

/** What a text is cut into. */
function pieces(document, { lowercase, filters, filtered, split, separator, ngrams }) {
  let text = document;
  if (lowercase === 'unicode') text = text.toLowerCase();
  if (lowercase === 'ascii') text = text.replace(/[A-Z]/g, (capital) => capital.toLowerCase());
  if (filters) {
    const out = new Set(filters);
    const instead = filtered === 'separator' ? separator : '';
    text = Array.from(text, (character) => (out.has(character) ? instead : character)).join('');
  }
  let parts = [text];
  if (split === 'separator') parts = text.split(separator);
  if (split === 'whitespace') parts = text.split(BLANKS);
  if (split === 'characters') parts = [...text];
  parts = parts.filter(Boolean);
  return ngrams.flatMap((width) =>
    parts.slice(width - 1).map((_, n) => parts.slice(n, n + width).join(' ')),
  );
}
