// What is on the page. No decisions about models here.
import { el } from './dom.js';
import { drawing } from './drawing.js';

const $ = (id) => document.getElementById(id);
const TOP = 5;
const KINDS = { image: 'a picture', table: 'a row of', sequence: 'a sequence', tensor: 'numbers' };
const NAMES = { webgl: 'WebGL', wasm: 'WebAssembly', webgpu: 'WebGPU', cpu: 'plain JavaScript' };

export function gallery(models, choose) {
  const buttons = models.map((entry) =>
    el('button', { type: 'button', onclick: () => choose(entry), 'data-key': entry.key }, entry.key),
  );
  $('gallery').replaceChildren(...buttons);
  $('gallery').hidden = models.length < 2;
}

export function backendChoice(wanted, choose) {
  const select = $('backend');
  const options = [...select.options];
  options.find(({ value }) => value === 'webgpu').disabled = !navigator.gpu;
  if (options.some(({ value }) => value === wanted)) select.value = wanted;
  select.disabled = false;
  select.onchange = () => choose(select.value);
}

export function chosenBackend() {
  return $('backend').value;
}

export function loading(entry) {
  for (const button of $('gallery').children) {
    button.setAttribute('aria-current', String(button.dataset.key === entry.key));
  }
  $('title').textContent = entry.key;
  document.title = entry.key;
  $('facts').textContent = '';
  $('check').hidden = true;
  $('input').replaceChildren();
  $('output').replaceChildren();
  status(`Loading ${size(entry.bytes)}…`);
}

export function facts(entry, manifest) {
  const shape = ({ shape: axes }) => axes.slice(1).map((axis) => axis ?? 'any').join(' × ');
  const inputs = manifest.inputs.map((spec) => `${KINDS[spec.kind]} ${shape(spec)}`).join(', ');
  const { framework, parameters } = manifest.source;
  const count = new Intl.NumberFormat('en').format(parameters);
  $('facts').textContent =
    `Version ${entry.version} · ${framework} · ${count} parameters · ` +
    `${size(entry.bytes)} ${entry.precision} · takes ${inputs}`;
}

export function status(message, trouble = false) {
  $('status').textContent = message;
  $('status').classList.toggle('trouble', trouble);
}

export function failed(message) {
  status(message, true);
  $('output').replaceChildren();
}

export function ready(backend, milliseconds, pass) {
  status(`Ready on ${NAMES[backend]}, ${time(milliseconds)} an answer.`, !pass);
}

export function answered(milliseconds, backend) {
  status(`Answered in ${time(milliseconds)} on ${NAMES[backend]}.`);
}

/** The badge: what running the packaged samples here has shown. */
export function check({ samples, worst, output, pass }, entry, manifest, backend) {
  const badge = $('check');
  const made = manifest.reference.origin === 'synthetic' ? 'made-up ' : '';
  const ran = `${samples} ${made}reference sample${samples === 1 ? '' : 's'}`;
  const off = worst === 0 ? 'no difference' : `at most ${scientific(worst)} of the output’s scale`;
  let text = `Checked on this device: ${ran} on ${NAMES[backend]}, ${off} from the original`;
  if (!entry.strict) text = `${text} (${entry.precision} weights)`;
  if (!pass) {
    const how = Number.isFinite(worst) ? `off by ${scientific(worst)} of its scale` : 'wrong';
    text = `Wrong on this device: over ${ran} on ${NAMES[backend]}, ${output} is ${how}; ` +
      'allowed is 0.0001. Choose another backend';
  }
  badge.textContent = `${pass ? '✓' : '✗'} ${text}.`;
  badge.classList.toggle('fail', !pass);
  badge.hidden = false;
}

/** The controls that this model's input needs. */
export async function inputs({ entry, manifest, reference, folder }, act) {
  const parts = [];
  if (manifest.preprocessing && manifest.inputs.length === 1) {
    parts.push(...pictureControls(entry, manifest, folder, act));
  } else if (manifest.features && manifest.inputs.length === 1) {
    parts.push(...(await tableControls(entry, manifest, folder, act)));
  }
  if (!parts.length || (!entry.pictures.length && manifest.preprocessing)) {
    parts.push(...sampleControls(reference, act));
  }
  $('input').replaceChildren(...parts);
}

function pictureControls(entry, manifest, folder, act) {
  const { color, size: wanted } = manifest.preprocessing.image;
  const take = (blob) => act.file(blob).catch(act.trouble);
  const parts = [];
  if (color === 'gray' && Math.max(...wanted) <= 64) parts.push(drawing(wanted, act));
  const chooser = el('input', {
    type: 'file',
    accept: 'image/*',
    onchange: () => chooser.files[0] && take(chooser.files[0]),
  });
  const zone = el(
    'label',
    { className: 'drop' },
    el('strong', {}, 'Choose a picture'),
    el('span', { className: 'quiet' }, 'or drop one here'),
    chooser,
  );
  for (const event of ['dragover', 'dragleave', 'drop']) {
    zone.addEventListener(event, (happened) => {
      happened.preventDefault();
      zone.classList.toggle('over', event === 'dragover');
      if (event === 'drop' && happened.dataTransfer.files[0]) take(happened.dataTransfer.files[0]);
    });
  }
  parts.push(zone, el('canvas', { id: 'preview', hidden: true, 'aria-label': 'The picture' }));
  if (entry.pictures.length) {
    const thumbs = entry.pictures.map((path) => {
      const url = new URL(path.split('/').map(encodeURIComponent).join('/'), folder);
      const label = sampleName(path);
      const load = () => fetch(url).then((response) => response.blob()).then(take);
      const picture = el('img', { src: url.href, alt: label, loading: 'lazy' });
      return el('button', { type: 'button', title: label, onclick: load }, picture);
    });
    parts.push(el('h3', {}, 'Samples'), el('div', { className: 'thumbs' }, ...thumbs));
  }
  return parts;
}

function sampleName(path) {
  const name = path.split('/').pop().replace(/\.\w+$/, '');
  return name.replace(/^\d+_/, '').replaceAll('_', ' ') || 'sample';
}

/** A picture as it was decoded; on a canvas, which the content security policy allows. */
export function preview({ data, height, width }) {
  const canvas = $('preview');
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    image.data.set([data[from], data[from + 1], data[from + 2], 255], to);
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
  canvas.hidden = false;
}

async function tableControls(entry, manifest, folder, act) {
  // The browser's own check would refuse a sample that lies between two steps; encodeRow checks.
  const form = el('form', { className: 'form', noValidate: true });
  const row = () => Object.fromEntries(new FormData(form));
  const send = () => {
    Promise.resolve().then(() => act.row(row())).catch(act.trouble);
  };
  for (const feature of manifest.features) form.append(field(feature));
  form.append(el('button', { type: 'submit', className: 'main' }, 'Predict'));
  form.onsubmit = (event) => {
    event.preventDefault();
    send();
  };
  const parts = [form];
  const rows = entry.rows ? await fetch(new URL(entry.rows, folder)).then((r) => r.json()) : [];
  if (rows.length) {
    const buttons = rows.map((values, n) => {
      const fill = () => {
        for (const [name, value] of Object.entries(values)) {
          const control = form.elements.namedItem(name);
          if (control) control.value = value;
        }
        send();
      };
      return chip(n, fill);
    });
    parts.push(el('h3', {}, 'Samples'), el('div', { className: 'chips' }, ...buttons));
  }
  return parts;
}

function field(feature) {
  const { name, kind, unit, min, max, step, categories } = feature;
  const label = el('span', {}, name, unit ? el('span', { className: 'quiet' }, ` ${unit}`) : '');
  if (kind === 'category') {
    const options = categories.map((value) => el('option', { value }, value));
    const select = el('select', { name }, ...options);
    select.value = feature.default ?? categories[0];
    return el('label', {}, label, select);
  }
  const middle = min !== null && max !== null ? (min + max) / 2 : 0;
  const input = el('input', { type: 'number', name, min, max, step: step ?? 'any' });
  input.required = feature.missing === 'error';
  input.value = feature.default ?? (step ? Math.round(middle / step) * step : middle);
  const range = min !== null && max !== null ? `${min} to ${max}` : '';
  return el('label', {}, label, input, el('span', { className: 'quiet range' }, range));
}

function sampleControls(reference, act) {
  const buttons = reference.samples.map((_, n) => chip(n, () => act.sample(n)));
  return [
    el('h3', {}, 'Reference samples'),
    el('p', { className: 'quiet' }, 'Packaged with the model, with the original’s answers.'),
    el('div', { className: 'chips' }, ...buttons),
  ];
}

function chip(n, onclick) {
  return el('button', { type: 'button', onclick, 'aria-label': `Sample ${n + 1}` }, String(n + 1));
}

/** The outputs in the form of their kinds; beside the original's where that is known. */
export function answer(specs, outputs, original) {
  const parts = specs.flatMap((spec) => {
    const title = specs.length > 1 ? [el('h3', {}, spec.name)] : [];
    const theirs = original?.[spec.name]?.data;
    return [...title, ...rendered(spec, outputs[spec.name], theirs)];
  });
  $('output').replaceChildren(el('h3', {}, 'Answer'), ...parts);
  $('output').scrollIntoView({ block: 'nearest' }); // on a phone it is below the controls
}

function rendered({ kind, classes, unit }, { data, shape }, theirs) {
  if (kind === 'probability' && data.length === 1) {
    return bars([1 - data[0], data[0]], classes ?? ['no', 'yes']);
  }
  if (kind === 'probabilities' || classes?.length === data.length) {
    return bars([...data], classes ?? [...data.keys()].map((n) => `class ${n}`));
  }
  if (kind === 'class') {
    return [el('p', { className: 'value' }, classes?.[data[0]] ?? String(data[0]))];
  }
  const parts = [];
  if (data.length === 1) {
    const shown = /^\d/.test(unit ?? '') ? `× ${unit}` : unit; // such as "1,000 USD"
    const suffix = unit ? [' ', el('span', { className: 'unit' }, shown)] : [];
    parts.push(el('p', { className: 'value' }, number(data[0]), ...suffix));
  } else {
    const first = [...data.slice(0, 12)].map(number).join(', ');
    const rest = data.length > 12 ? ', …' : '';
    parts.push(el('p', { className: 'quiet' }, shape.join(' × ')));
    parts.push(el('p', { className: 'values' }, first + rest));
  }
  if (theirs) {
    const far = data.reduce((worst, value, n) => Math.max(worst, Math.abs(value - theirs[n])), 0);
    parts.push(el('p', { className: 'quiet' }, `The original’s answer differs by ${scientific(far)}.`));
  }
  return parts;
}

function bars(shares, labels) {
  const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, TOP);
  const rows = order.map((n) => {
    const percent = Math.max(0, Math.min(1, shares[n])) * 100;
    const fill = el('span', { className: 'fill' });
    fill.style.width = `${percent}%`;
    return el(
      'li',
      {},
      el('span', { className: 'label' }, labels[n]),
      el('span', { className: 'share' }, `${percent.toFixed(1)} %`),
      el('span', { className: 'bar', 'aria-hidden': 'true' }, fill),
    );
  });
  const rest = shares.length - order.length;
  const more = rest > 0 ? [el('p', { className: 'quiet' }, `and ${rest} more`)] : [];
  return [el('ol', { className: 'bars' }, ...rows), ...more];
}

function number(value) {
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e9)) return scientific(value);
  return new Intl.NumberFormat('en', { maximumSignificantDigits: 6 }).format(value);
}

function scientific(value) {
  if (value === 0) return '0';
  const [digits, exponent] = value.toExponential(1).split('e');
  const raised = [...exponent.replace('+', '')].map((c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[c]));
  return `${digits} × 10${raised.join('')}`;
}

function time(milliseconds) {
  return milliseconds < 10 ? `${milliseconds.toFixed(1)} ms` : `${Math.round(milliseconds)} ms`;
}

function size(bytes) {
  const [unit, amount] = bytes < 1e6 ? ['KB', bytes / 1e3] : ['MB', bytes / 1e6];
  return `${amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${unit}`;
}
