// Answers that a visitor has marked right or wrong, to be downloaded as samples with true answers.
import { el } from '../dom.js';
import { toNumber } from '../features.js';
import { count } from '../format.js';
import { t } from '../i18n.js';
import { npzOf } from '../marks/arrays_file.js';
import { pngOf, zipOf } from '../marks/export.js';
import { openStore } from '../marks/store.js';
import { SITE } from '../paths.js';
import { classesOf, judgedBy, targetOf } from '../target.js';

/**
 * The section of a model's marks.
 * @param {object} own the model: {entry, manifest, features}
 * @param {{isOpen: () => boolean, trouble: Function}} act
 * @returns {Promise<{mark: Function}>} mark(asked, right) keeps the last question with its answer;
 *   of a wrong one it asks for the right answer first
 */
export async function marksView({ entry, manifest, features }, act) {
  const store = await openStore(`${SITE.pathname} ${entry.name}`);
  const section = document.getElementById('marked');
  const marked = new WeakMap(); // the mark of a question, which another one replaces
  let download = null;

  const arrays = !takesPicture(manifest) && !(features && manifest.inputs.length === 1);

  async function keep(asked, truth, right, place = null) {
    const what = asked.what || t('draw.what');
    if (marked.has(asked)) await store.remove(marked.get(asked));
    const given = arrays
      ? { tensors: asked.inputs, place }
      : { row: asked.row, picture: asked.row ? null : asked.blob ?? (await pngOf(asked.picture)) };
    const id = await store.add({ truth, right, what, ...given });
    marked.set(asked, id);
    await draw(id);
  }

  async function draw(latest = null) {
    const marks = await store.all();
    if (!act.isOpen()) return;
    if (download) URL.revokeObjectURL(download);
    section.hidden = !marks.length;
    if (!marks.length) {
      section.replaceChildren();
      return;
    }
    const right = marks.filter((one) => one.right).length;
    const told = { count: count(marks.length), right: count(right), wrong: count(marks.length - right) };
    const save = el('button', { type: 'button', id: 'marks-save' }, t(arrays ? 'marks.download.arrays' : 'marks.download'));
    const packed = async () => {
      const all = await store.all();
      download = URL.createObjectURL(await (arrays ? npzOf(all.filter(({ tensors }) => tensors), manifest) : zipOf(all, features)));
      el('a', { href: download, download: `${entry.name}-marked.${arrays ? 'npz' : 'zip'}` }).click();
    };
    save.onclick = () => packed().catch(act.trouble);
    const undo = el('button', { type: 'button', id: 'marks-undo', hidden: latest === null }, t('marks.undo'));
    undo.onclick = () => store.remove(latest).then(() => draw()).catch(act.trouble);
    const clear = el('button', { type: 'button', id: 'marks-clear' }, t('marks.clear'));
    clear.onclick = () => {
      if (clear.dataset.sure) {
        store.clear().then(() => draw()).catch(act.trouble);
      } else {
        clear.dataset.sure = 'true';
        clear.textContent = t('marks.sure');
      }
    };
    section.replaceChildren(
      el('h3', { id: 'marked-title' }, t('marks.title')),
      el('p', { role: 'status' }, t('marks.count', told)),
      el('p', { className: 'quiet' }, t(store.kept ? 'marks.kept' : 'marks.memory')),
      el('div', { className: 'tools' }, save, undo, clear),
      el('p', { className: 'quiet' }, t(arrays ? 'marks.arrays' : takesPicture(manifest) ? 'marks.pictures' : 'marks.rows')),
    );
  }

  /** A form for what would have been right, below the answer's buttons. */
  function correct(asked, target, said) {
    document.getElementById('mark-form')?.remove();
    const classes = target.kind === 'value' ? null : classesOf(target, asked.outputs);
    const field = classes
      ? el('select', { name: 'truth' }, ...classes.map((name, n) => el('option', { value: n }, name)))
      : el('input', { name: 'truth', required: true, inputMode: target.kind === 'value' ? 'decimal' : 'text' });
    if (classes) field.value = String(classes.findIndex((_, n) => n !== said.best));
    const form = el(
      'form',
      { id: 'mark-form' },
      el('label', { className: 'choice' }, el('span', {}, t('marks.truth')), field),
      el('button', { type: 'submit' }, t('marks.keep')),
    );
    form.onsubmit = (event) => {
      event.preventDefault();
      if (target.kind === 'value' && toNumber(field.value) === null) {
        field.setCustomValidity(t('marks.number'));
        form.reportValidity();
        return;
      }
      const place = classes ? Number(field.value) : null;
      const truth = classes ? nameOf(target, place) : field.value.trim();
      form.remove();
      keep(asked, truth, false, place).catch(act.trouble);
    };
    field.oninput = () => field.setCustomValidity('');
    document.querySelector('#output .tools').after(form);
    field.focus();
  }

  await draw();
  return {
    mark(asked, right) {
      const target = targetOf(manifest.outputs, asked.outputs);
      const said = judgedBy(target, asked.outputs);
      if (!right) {
        correct(asked, target, said);
        return;
      }
      document.getElementById('mark-form')?.remove();
      const truth = target.kind === 'value' ? String(said.value) : nameOf(target, said.best);
      keep(asked, truth, true, target.kind === 'value' ? null : said.best).catch(act.trouble);
    },
  };
}

/** Whether a model takes one picture, which is kept as it was given. */
const takesPicture = ({ preprocessing, inputs }) => Boolean(preprocessing) && inputs.length === 1;

/** A class as data have it: by its own name, whatever the page's language. */
const nameOf = ({ spec }, place) => spec.classes?.[place] ?? String(place);
