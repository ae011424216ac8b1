// The page within another one, by `?embed=1`: the model without what stands around it. It tells the
// page around it its height and its answers, and never what was entered.
import * as address from './address.js';
import { readable } from './readable.js';

const SENT = 'edge-deploy';
const framed = address.has('embed') && window.parent !== window;

/** Take the form for a frame, where the address asks for it. */
export function begin() {
  if (!address.has('embed')) return;
  document.documentElement.dataset.embed = address.get('model') ? 'one' : 'all';
  colour(address.get('accent'));
  for (const link of document.querySelectorAll('footer a')) link.target = '_blank';
  if (!framed) return;
  const height = () => Math.ceil(document.body.getBoundingClientRect().height);
  new ResizeObserver(() => send({ type: 'resize', height: height() })).observe(document.body);
}

/** Tell what was answered. */
export function answered({ entry, manifest, model }, outputs) {
  if (!framed) return;
  const plain = Object.entries(outputs).map(([name, { data, shape }]) => [name, { data: [...data], shape }]);
  const told = { ...readable(manifest.outputs, outputs), outputs: Object.fromEntries(plain) };
  send({ type: 'answer', answer: { model: entry.key, backend: model.backend, ...told } });
}

const send = (message) => window.parent.postMessage({ source: SENT, ...message }, '*');

/** The colour of buttons and bars, as near to it as can be read (WCAG 2.2, 1.4.3); see page_head.py. */
function colour(accent) {
  const digits = /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(accent ?? '')?.[1];
  if (!digits) return;
  const all = digits.length === 3 ? [...digits].map((digit) => digit + digit).join('') : digits;
  const asked = [0, 2, 4].map((at) => parseInt(all.slice(at, at + 2), 16));
  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  const use = () => {
    const paper = dark.matches ? [26, 31, 43] : [255, 255, 255];
    const shown = readableOn(asked, paper);
    const ink = [[255, 255, 255], [16, 19, 27]].sort((a, b) => contrast(b, shown) - contrast(a, shown))[0];
    const { style } = document.documentElement;
    style.setProperty('--accent', `rgb(${shown})`);
    style.setProperty('--line-0', `rgb(${shown})`);
    style.setProperty('--on-accent', `rgb(${ink})`);
  };
  use();
  dark.onchange = use;
}

function readableOn(colour, paper) {
  const to = luminance(paper) > 0.5 ? 0 : 255;
  let mixed = colour;
  for (let share = 0; share <= 1 && contrast(mixed, paper) < 4.5; share += 0.02) {
    mixed = colour.map((part) => Math.round(part + (to - part) * share));
  }
  return mixed;
}

function luminance(colour) {
  const parts = colour.map((part) => part / 255).map((p) => (p <= 0.04045 ? p / 12.92 : ((p + 0.055) / 1.055) ** 2.4));
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
