// Which words of a text an answer depends on: each in turn is left out, and the model asked again.

const MOST = 150; // questions; of a longer text neighbouring words are left out together

/**
 * @param {(text: string) => Promise<number>} ask what is measured, of a text
 * @param {string} text
 * @param {{progress: Function, stopped: () => boolean}} tell
 * @returns {Promise<?Array<{text: string, change: ?number}>>} the text in pieces: words with how
 *   far the measure falls without them, and what stands between with null; null where it was stopped
 */
export async function leaveOneOut(ask, text, tell) {
  const parts = text.split(/(\s+)/);
  const words = [...parts.keys()].filter((n) => parts[n].trim());
  const each = Math.ceil(words.length / MOST);
  const whole = await ask(text);
  const pieces = [];
  let last = 0;
  for (let n = 0; n < words.length; n += each) {
    const [first, end] = [words[n], words[Math.min(n + each, words.length) - 1] + 1];
    const without = [...parts.slice(0, first), ...parts.slice(end)].join('');
    if (first > last) pieces.push({ text: parts.slice(last, first).join(''), change: null });
    pieces.push({ text: parts.slice(first, end).join(''), change: whole - (await ask(without)) });
    if (tell.stopped()) return null;
    tell.progress(pieces.length, words.length);
    last = end;
  }
  if (last < parts.length) pieces.push({ text: parts.slice(last).join(''), change: null });
  return pieces;
}
