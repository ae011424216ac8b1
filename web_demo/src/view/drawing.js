// A canvas to draw on, white on black as handwritten digits are stored.
import { el } from '../dom.js';
import { t } from '../i18n.js';
import { pixelsOf } from '../preprocess.js';
import { summaries } from './answer.js';

const SIDE = 280;

/** The canvas and its button; every stroke asks the model again. */
export function drawing([height, width], { outputs: specs }, act) {
  const scale = SIDE / Math.max(height, width);
  const canvas = el('canvas', {
    width: Math.round(width * scale),
    height: Math.round(height * scale),
    className: 'drawing',
    role: 'img',
    'aria-label': t('draw.label'),
  });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const clear = () => {
    context.fillStyle = '#000';
    context.fillRect(0, 0, canvas.width, canvas.height);
    live.textContent = '';
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) * canvas.width) / box.width;
    return [x, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  // A phone shows the answer here: its place is out of sight.
  const live = el('span', { className: 'live', 'aria-hidden': 'true' });
  const told = (outputs) => (live.textContent = summaries(specs, outputs));
  let last = null;
  const stroke = (event) => {
    const next = place(event);
    context.strokeStyle = '#fff';
    context.lineCap = 'round';
    context.lineWidth = SIDE / 12;
    context.beginPath();
    context.moveTo(...(last ?? next));
    context.lineTo(...next);
    context.stroke();
    last = next;
  };
  const stop = () => {
    if (!last) return;
    last = null;
    act.picture(pixelsOf(canvas), { what: t('draw.what'), told });
  };
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    stroke(event);
  };
  canvas.onpointermove = (event) => last && stroke(event);
  canvas.onpointerup = stop;
  canvas.onpointercancel = stop;
  clear();
  return el(
    'div',
    { className: 'draw' },
    el('strong', {}, t('draw.here')),
    canvas,
    live,
    el('button', { type: 'button', onclick: clear }, t('draw.clear')),
  );
}
