// The upper part of the page: which model, on what, and how far it is.
import { el } from '../dom.js';
import { below, percent, size, time } from '../format.js';
import { currentLanguage, t } from '../i18n.js';
import { inside, placeOf } from '../paths.js';
import { asked } from '../series.js';
import { svg } from './svg.js';

const CARDS = 5; // models from which on each has a card with a picture
// What stands for a model without pictures: a table, or a line through numbers.
const TABLE = 'M3 5h18v14H3zM3 10h18M3 14.5h18M9 5v14';
const LINE = 'M3 17l5-6 4 3 4-7 5 4';

const $ = (id) => document.getElementById(id);
let siteTitle = '';

/** The codes of the languages that the site has. */
export const languages = () => [...$('language').options].map(({ value }) => value);

/** The select that changes the language. */
export function languageChoice(choose) {
  $('language').value = currentLanguage();
  $('language').onchange = () => choose($('language').value);
}

/** What the site's author says of it. */
export function page({ page: told = {}, models }) {
  const { title, description, author, link } = told;
  if (title) document.querySelector('h1').textContent = title;
  if (description) document.querySelector('header div').append(el('p', { id: 'description' }, description));
  if (author) {
    const name = link ? el('a', { href: link, rel: 'author noopener' }, author) : author;
    document.querySelector('footer').prepend(el('span', { id: 'author' }, name), ' · ');
  }
  if (!title && models.length === 1) {
    // What the page is called, and the model: said once.
    document.querySelector('h1').textContent = nameOf(models[0]);
    document.documentElement.dataset.models = 'one';
  }
  siteTitle = title ?? (models.length === 1 ? nameOf(models[0]) : t('page.title'));
  document.title = siteTitle;
}

/** What a model is called on the page. */
export const nameOf = (entry) => entry.title ?? entry.key;

/** A button for each model, where there are several; of many a card. */
export function gallery(models, choose) {
  const cards = models.length >= CARDS;
  $('gallery').classList.toggle('cards', cards);
  const buttons = models.map((entry) => {
    const inside = cards ? card(entry) : [nameOf(entry)];
    return el('button', { type: 'button', onclick: () => choose(entry), 'data-key': entry.key }, ...inside);
  });
  $('gallery').replaceChildren(...buttons);
  $('gallery').hidden = models.length < 2;
}

function card(entry) {
  const [picture] = entry.pictures;
  const icon = () => svg('svg', { viewBox: '0 0 24 24' }, svg('path', { d: entry.rows ? TABLE : LINE }));
  const face = picture ? el('img', { alt: '', 'data-src': inside.address(placeOf(entry, picture)) }) : icon();
  const told = entry.description ? [el('span', { className: 'quiet' }, entry.description)] : [];
  return [
    el('span', { className: 'face', 'aria-hidden': 'true' }, face),
    el('span', {}, el('span', { className: 'name' }, nameOf(entry)), ...told),
  ];
}

/** The cards' pictures, for which no model waits. */
export function faces() {
  for (const picture of $('gallery').querySelectorAll('img')) picture.src = picture.dataset.src;
}

/** What the page says of a model before it is there. */
export function loading(entry, file, cancel) {
  for (const button of $('gallery').children) {
    const chosen = button.dataset.key === entry.key;
    button.setAttribute('aria-current', String(chosen));
    // On a phone the row of models is wider than the page.
    if (chosen) button.scrollIntoView({ block: 'nearest', inline: 'center' });
  }
  $('title').hidden = false;
  $('details').hidden = false;
  runs('wait');
  $('title').textContent = nameOf(entry);
  $('purpose').textContent = entry.description ?? '';
  release(entry);
  document.title = nameOf(entry);
  $('facts').textContent = '';
  for (const id of ['check', 'note']) $(id).hidden = true;
  status(t('state.loading', { size: size(file.bytes) }));
  cancellable(t('state.cancel'), cancel);
}

/** Which version answers, where the site has several. */
function release({ release: told, version, channel }) {
  const several = told?.versions.length > 1;
  $('release').hidden = !several;
  if (!several) return;
  const share = told.canary?.version === version ? told.canary.share : 0;
  const trial = channel === 'stable' ? '' : t('release.trial', { channel: t(`channel.${channel}`, { percent: share * 100 }), stable: told.stable });
  $('release').textContent = [t('release.answers', { version }), trial].filter(Boolean).join(' ');
  $('release').dataset.version = version;
}

/** What the visitor can choose: the file, and what it runs on. */
export function choices(entry, file, backends, chosen, act) {
  const files = entry.files.map((one) => el('option', { value: one.file }, fileName(one)));
  $('file').replaceChildren(...files);
  $('file').value = file.file;
  $('file').disabled = false;
  $('file').onchange = () => act.file($('file').value);
  $('file-choice').hidden = files.length < 2;
  const options = ['auto', ...backends].map((value) => {
    const absent = value === 'webgpu' && !navigator.gpu;
    const name = value === 'auto' ? t('choose.auto') : t(`backend.${value}`);
    const shown = absent ? t('choose.absent', { name }) : name;
    return el('option', { value, disabled: absent }, shown);
  });
  $('backend').replaceChildren(...options);
  $('backend').value = chosen;
  $('backend').disabled = false;
  $('backend').onchange = () => act.backend($('backend').value);
}

const NAMED = 4;
const FORMATS = { tfjs: 'TF.js', tflite: 'TFLite', onnx: 'ONNX' };

/** A file in a few words, such as "TFLite int8". */
export function fileName({ target, precision, pruned }) {
  return `${FORMATS[target] ?? target} ${precision}${pruned ? ' pruned' : ''}`;
}

/** Where it is from and what it takes. */
export function facts(entry, file, manifest) {
  const shape = ({ shape: axes }) =>
    axes.slice(1).map((axis) => axis ?? t('facts.any')).join(' × ') || '1';
  let takes = manifest.inputs.map((spec) => t(`facts.${spec.kind}`, { shape: shape(spec) }));
  if (manifest.features) takes = [columns(manifest.features)];
  if (manifest.series) takes = [t('facts.series', { what: asked(manifest.series) })];
  const { framework, parameters } = manifest.source;
  $('facts').textContent = [
    t('facts.version', { version: entry.version }),
    framework,
    t('facts.parameters', { count: parameters }),
    `${size(file.bytes)} ${file.precision}`,
    ...takes,
  ].join(' · ');
}

/** What a row has, as a person knows it: encoded it may be many numbers. */
function columns(features) {
  if (features.length === 1 && features[0].kind === 'text') return t('facts.text');
  const names = features.slice(0, NAMED).map(({ name }) => name);
  const all = names.join(', ') + (features.length > NAMED ? ', …' : '');
  return t('facts.columns', { count: features.length, names: all });
}

/** The one line that says where the page is. */
export function status(message, trouble = false) {
  $('status').textContent = message;
  $('status').classList.toggle('trouble', trouble);
}

/** How much of the download is there; null hides the bar. */
export function progress(state) {
  const bar = $('progress');
  bar.hidden = !state;
  if (!state) return;
  const { loaded, total, cached } = state;
  if (total) {
    bar.max = total;
    bar.value = loaded;
  } else {
    bar.removeAttribute('value');
  }
  const text = { done: size(loaded), total: size(total) };
  status(cached ? t('state.kept') : t('state.progress', text));
}

/** The button beside the status; null hides it. */
export function cancellable(label, act = null) {
  $('cancel').hidden = !act;
  $('cancel').textContent = label ?? '';
  $('cancel').onclick = act;
}

/** A remark that stays: another backend than the one that was wanted, storage that is full. */
export function note(message) {
  const said = $('note').hidden ? '' : $('note').textContent;
  if (!said.includes(message)) $('note').textContent = [said, message].filter(Boolean).join(' ');
  $('note').hidden = false;
}

/** Ready, and how long an answer takes. */
export function ready(backend, milliseconds, pass) {
  progress(null);
  cancellable(null);
  status(t('state.ready', { backend: t(`backend.${backend}`), time: time(milliseconds) }), !pass);
}

/** So many samples, and whether somebody gave them or they were made up. */
export function samplesOf(manifest, many) {
  const key = manifest.reference.origin === 'synthetic' ? 'check.synthetic' : 'check.samples';
  return t(key, { count: many });
}

/** The badge: what running the packaged samples here has shown. */
export function check({ samples, worst, output, limit, pass, refused, column }, file, manifest, backend) {
  const classes = manifest.outputs.find(({ name }) => name === output)?.classes;
  const values = {
    samples: samplesOf(manifest, samples),
    backend: t(`backend.${backend}`),
    output: column === null ? output : t('check.column', { output, column: classes?.[column] ?? column }),
    precision: fileName(file),
    limit: percent(limit),
    winners: manifest.outputs.some(({ kind }) => /^(class|probabilities)$/.test(kind)) ? t('check.winners') : '',
  };
  let kind = file.strict ? 'fail' : 'dear';
  if (refused) kind = 'refused';
  if (pass) kind = file.strict ? 'pass' : 'loose';
  if (pass && file.strict) {
    values.difference = worst === 0 ? t('check.none') : t('check.share', { percent: below(worst) });
  } else {
    const far = Number.isFinite(worst);
    values.difference = far ? t('check.off', { percent: percent(worst) }) : t('check.broken');
  }
  $('check').textContent = `${pass ? '✓' : '✗'} ${t(`check.${kind}`, values)}`;
  $('check').classList.toggle('fail', !pass);
  $('check').hidden = false;
  runs(pass ? 'pass' : 'fail');
}

/** The line that says whether all is well; what is not, is shown at once. */
function runs(how) {
  $('runs').textContent = t(`runs.${how}`);
  $('runs').classList.toggle('trouble', how === 'fail');
  if (how === 'fail') $('details').open = true;
}

/** Nothing of the last model is left. */
export function clear() {
  for (const id of ['input', 'output', 'samples', 'history', 'why', 'own', 'marked', 'quality', 'card', 'compare', 'releases']) {
    $(id).replaceChildren();
    $(id).hidden = true;
  }
}

/** No model, and nothing to choose for it. */
export function nothing(message) {
  for (const id of ['title', 'details', 'release']) $(id).hidden = true;
  document.title = siteTitle || t('page.title');
  failed(message);
}

/** Trouble in place of a model. */
export function failed(message, again = null) {
  progress(null);
  cancellable(again && t('state.again'), again);
  status(message, true);
  $('output').replaceChildren();
  $('output').hidden = true;
}
