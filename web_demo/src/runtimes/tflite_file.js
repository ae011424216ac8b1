// What a .tflite file says of its inputs and outputs: LiteRT.js does not tell the scale of
// integers, and it takes no free axis. The layout is TensorFlow Lite's schema.fbs, read field by field.

const TYPES = { 0: 'float32', 1: 'float16', 2: 'int32', 3: 'uint8', 4: 'int64', 6: 'bool', 7: 'int16', 9: 'int8' };

/** The tables of a file, and how to read in them. */
function tablesOf(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.length < 8 || String.fromCharCode(...data.subarray(4, 8)) !== 'TFL3') {
    throw new Error('it is not a TFLite file');
  }
  const u32 = (at) => view.getUint32(at, true);
  const follow = (at) => at + u32(at);
  /** Where a table's field lies, 0 when it has its default. */
  const field = (table, number) => {
    const vtable = table - view.getInt32(table, true);
    const slot = 4 + 2 * number;
    if (slot >= view.getUint16(vtable, true)) return 0;
    const offset = view.getUint16(vtable + slot, true);
    return offset && table + offset;
  };
  const vector = (table, number) => {
    const at = field(table, number);
    if (!at) return { length: 0, start: 0 };
    const start = follow(at);
    return { length: u32(start), start: start + 4 };
  };
  const tables = (table, number) => {
    const { length, start } = vector(table, number);
    return Array.from({ length }, (_, n) => follow(start + 4 * n));
  };
  const text = (table, number) => {
    const { length, start } = vector(table, number);
    return new TextDecoder().decode(data.subarray(start, start + length));
  };
  const model = follow(0);
  const [graph] = tables(model, 2); // Model.subgraphs
  const tensors = tables(graph, 0); // SubGraph.tensors
  const [signature] = tables(model, 7); // Model.signature_defs
  return { view, u32, follow, field, vector, tables, text, graph, tensors, signature };
}

/**
 * A file for one sample at a time: a free axis becomes the size that its tensors are made with.
 * @param {Uint8Array} data a whole file
 * @returns {Uint8Array} the same where it has no free axis, else a copy
 */
export function withFixedAxes(data) {
  const { view, vector, tensors } = tablesOf(data);
  const places = [];
  for (const table of tensors) {
    const shape = vector(table, 0); // Tensor.shape
    const free = vector(table, 7); // Tensor.shape_signature
    for (let n = 0; n < Math.min(free.length, shape.length); n += 1) {
      const at = free.start + 4 * n;
      if (view.getInt32(at, true) < 0) places.push([at, view.getInt32(shape.start + 4 * n, true)]);
    }
  }
  if (!places.length) return data;
  const fixed = data.slice();
  const changed = new DataView(fixed.buffer);
  for (const [at, size] of places) changed.setInt32(at, size, true);
  return fixed;
}

/**
 * @param {Uint8Array} data a whole file
 * @returns {{inputs: Array, outputs: Array}} each {name, dtype, scale, zero}: real numbers are
 *   (integer - zero) * scale, and scale is 0 where the tensor is not quantized. Names are the
 *   first signature's where there is one
 */
export function readTensors(data) {
  const { view, u32, follow, field, vector, tables, text, graph, tensors, signature } = tablesOf(data);

  const describe = (graphField, signatureField) => {
    const named = new Map();
    for (const entry of signature ? tables(signature, signatureField) : []) {
      const index = field(entry, 1); // TensorMap.tensor_index
      named.set(index ? u32(index) : 0, text(entry, 0));
    }
    const { length, start } = vector(graph, graphField);
    return Array.from({ length }, (_, n) => {
      const index = u32(start + 4 * n);
      const table = tensors[index];
      const type = field(table, 1); // Tensor.type
      const quantization = field(table, 4) && follow(field(table, 4)); // Tensor.quantization
      const scales = quantization ? vector(quantization, 2) : { length: 0 };
      const zeros = quantization ? vector(quantization, 3) : { length: 0 };
      return {
        name: named.get(index) ?? text(table, 3),
        dtype: TYPES[type ? view.getInt8(type) : 0] ?? 'unknown',
        scale: scales.length ? view.getFloat32(scales.start, true) : 0,
        zero: zeros.length ? Number(view.getBigInt64(zeros.start, true)) : 0,
      };
    });
  };
  return { inputs: describe(1, 0), outputs: describe(2, 1) };
}
