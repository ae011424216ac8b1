// The columns of a table model that names none.
import { t } from './i18n.js';

const MOST_COLUMNS = 40;

/** Features of a model that has none: its columns, by number; null where it is no such model. */
export function unnamedFeatures({ inputs, preprocessing }) {
  const [{ shape, dtype, kind }] = inputs;
  const plain = inputs.length === 1 && shape.length === 2 && /float/.test(dtype) && !preprocessing;
  const width = shape[1];
  if (!plain || !width || width > MOST_COLUMNS || !['table', 'tensor'].includes(kind)) return null;
  return Array.from({ length: width }, (_, n) => ({
    name: t('table.column', { n: n + 1 }),
    kind: 'number',
    encode: 'none',
    missing: 'error',
    unknown: 'error',
  }));
}
