// The page's words, in the language of the browser or the one that was chosen by hand.
import en from './locales/en.js';
import id from './locales/id.js';

export const TABLES = { en, id };
export const LANGUAGES = { en: 'English', id: 'Bahasa Indonesia' };
const KEPT = 'edge-deploy-language';
let language = 'en';

/** Choose the language: the address's, the one kept, the browser's, else English. */
export function chooseLanguage(wanted) {
  // "in" is what old systems call Indonesian.
  const own = navigator.languages.map((code) => code.toLowerCase().split('-')[0].replace(/^in$/, 'id'));
  language = [wanted, kept(), ...own].find((code) => Object.hasOwn(TABLES, code ?? '')) ?? 'en';
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll('[data-t]')) {
    element.textContent = t(element.dataset.t);
  }
  for (const element of document.querySelectorAll('[data-t-label]')) {
    element.setAttribute('aria-label', t(element.dataset.tLabel));
  }
  document.title = t('page.title');
  return language;
}

/** Keep a choice for the next visit, where the browser lets us. */
export function keepLanguage(code) {
  try {
    localStorage.setItem(KEPT, code);
  } catch {
    // Site data is blocked: the address still carries the choice.
  }
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** The language in use: en or id. */
export function currentLanguage() {
  return language;
}

/** A string of the page, with {…} filled in. */
export function t(key, values = {}) {
  const text = TABLES[language][key];
  if (text === undefined) throw new Error(`no words for ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}
