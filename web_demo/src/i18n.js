// The page's words, in the language of the browser or the one that was chosen by hand. A language
// is one file in locales/; English comes with the code, the others when they are asked for.
import english from './locales/en.json' with { type: 'json' };
import { fetchOk } from './fetching.js';
import { SITE } from './paths.js';

const KEPT = 'edge-deploy-language';
let language = 'en';
let words = english;
let plurals = new Intl.PluralRules('en');

/**
 * Choose the language: the address's, the one kept, the browser's, else English.
 * @param {?string} wanted its code
 * @param {string[]} offered codes of the languages that the site has
 * @returns {Promise<string>} the code of the one in use
 */
export async function chooseLanguage(wanted, offered) {
  // "in" is what old systems call Indonesian.
  const own = navigator.languages.map((code) => code.toLowerCase().split('-')[0].replace(/^in$/, 'id'));
  const chosen = [wanted, kept(), ...own].find((code) => code === 'en' || offered.includes(code)) ?? 'en';
  await use(chosen).catch(() => use('en')); // a file is missing: the page still works
  document.documentElement.lang = language;
  document.documentElement.dir = t('language.direction');
  for (const element of document.querySelectorAll('[data-t]')) {
    element.textContent = t(element.dataset.t);
  }
  for (const element of document.querySelectorAll('[data-t-label]')) {
    element.setAttribute('aria-label', t(element.dataset.tLabel));
  }
  document.title = t('page.title');
  return language;
}

async function use(code) {
  const file = new URL(`src/locales/${code}.json`, SITE);
  words = code === 'en' ? english : await (await fetchOk(file)).json();
  plurals = new Intl.PluralRules(code);
  language = code;
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

/** The code of the language in use, such as en. */
export function currentLanguage() {
  return language;
}

/**
 * A string of the page, with {…} filled in. Of one with plural forms `count` is a number and
 * chooses the form. Numbers are written as the language writes them.
 */
export function t(key, values = {}) {
  const entry = words[key];
  if (entry === undefined) throw new Error(`no words for ${key}`);
  const text = typeof entry === 'string' ? entry : (entry[plurals.select(values.count)] ?? entry.other);
  return text.replace(/\{(\w+)\}/g, (_, name) => shown(values[name]));
}

function shown(value) {
  return typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : String(value);
}
