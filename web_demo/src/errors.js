// What went wrong, in the words of the page, with the mend.
import { calledOf } from './features.js';
import { t } from './i18n.js';

/** An error whose message is already in the page's language. */
export class PageError extends Error {
  constructor(key, values) {
    super(t(key, values));
    this.name = 'PageError';
  }
}

// What the runtimes and the fetching say, in English, and what it is on the page.
const KNOWN = [
  [/^(\S+) (?:is missing|cannot be fetched) \(HTTP (\d+)\)/, 'error.http', ['file', 'status']],
  [/^(.+?): the server answers with a web page/, 'error.html', ['file']],
  [/^(\S+) is not JSON, it starts with "<(?:!|html)/i, 'error.html', ['file']],
  [/^(\S+) cannot be fetched/, 'error.network', ['file']],
  [/^(\S+) is sent as (\S+)/, 'error.type', ['file', 'type']],
  [/have (\d+) bytes, model\.json says (\d+)/, 'error.bytes', ['got', 'wanted']],
  [/the (\w+) backend does not start/, 'error.backend', ['backend']],
];

/** Any error as a sentence of the page. */
export function words(error) {
  if (error.name === 'PageError') return error.message;
  if (error.feature) {
    const value = error.message.slice(error.feature.name.length + 2).split(' is ')[0];
    return t(`feature.${error.reason}`, { name: calledOf(error.feature), value });
  }
  for (const [pattern, key, names] of KNOWN) {
    const found = pattern.exec(error.message);
    if (found) {
      const values = Object.fromEntries(names.map((name, n) => [name, found[n + 1]]));
      if (values.backend) values.backend = t(`backend.${values.backend}`);
      return t(key, values);
    }
  }
  return t('error.other', { detail: error.message });
}
