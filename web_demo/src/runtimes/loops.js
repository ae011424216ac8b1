// Loops of recurrent layers, run in one piece. TF.js takes a loop asynchronously and node by node,
// at some tens of microseconds a node; what a step computes is small, so it is done here on the
// processor over arrays that are made once. What stands before, between and behind the loops
// runs in TF.js, on its backend. A loop with operators that are not known here is left to TF.js.
// Where a browser has SIMD, products and activations are WebAssembly's (simd.wat).
import { PLAIN, RELAXED } from './simd.js';

const LOOPS = ['StatelessWhile', 'While'];
const parse = (tensor) => {
  const parts = tensor.split(':');
  return [parts[0], parts.length > 1 ? Number(parts.at(-1)) : 0];
};

/**
 * The loops of a graph, in the order in which they can run.
 * @param {object} topology of a model.json
 * @returns {Array<Array<object>> | null} levels of loops that do not wait for one another; null
 *   where there are none, or TF.js has to run them, which the console then says
 */
export function findLoops(topology) {
  const nodes = new Map(topology.node.map((node) => [node.name, node]));
  const functions = new Map((topology.library?.function ?? []).map((f) => [f.signature.name, f]));
  const found = topology.node.filter(({ op }) => LOOPS.includes(op));
  if (!found.length) return null;
  const loops = found.map((node) => describe(node, nodes, topology.node, functions));
  if (loops.includes(null)) {
    const why = [...unknownOperators(found, functions)].join(', ') || 'lists that are read otherwise';
    console.info(`TF.js runs the loops of this model node by node, which takes long, for their ${why}`);
    return null;
  }
  const byName = new Map(loops.map((loop) => [loop.name, loop]));
  const levels = [];
  for (const loop of loops) (levels[levelOf(loop, nodes, byName) - 1] ??= []).push(loop);
  return levels;
}

/** What a loop takes and gives; null where something of it is not known here. */
function describe(node, nodes, all, functions) {
  const [body, cond] = ['body', 'cond'].map((key) => functionOf(functions.get(node.attr[key].func.name)));
  if (!body || !cond) return null;
  const inputs = node.input.map((tensor) => {
    const source = nodes.get(parse(tensor)[0]);
    if (source.op === 'TensorListReserve') return { list: true, tensor: null };
    if (source.op === 'TensorListFromTensor') return { list: true, tensor: source.input[0] };
    return { list: false, tensor };
  });
  const outputs = [];
  for (const taker of all) {
    for (const tensor of taker.input ?? []) {
      const [name, index] = parse(tensor);
      if (name !== node.name) continue;
      if (taker.op !== (inputs[index].list ? 'TensorListStack' : 'Identity')) return null;
      outputs.push({ name: taker.name, index });
    }
  }
  return { name: node.name, inputs, outputs, body, cond, compiled: new Map(), constants: new Map() };
}

/** A function's nodes, each behind those that it takes. */
function functionOf({ signature, nodeDef = [], ret }) {
  const byName = new Map(nodeDef.map((node) => [node.name, node]));
  const order = new Set();
  const visit = (tensor) => {
    const node = byName.get(parse(tensor)[0]);
    if (!node || order.has(node)) return;
    for (const input of node.input ?? []) visit(input);
    order.add(node);
  };
  const returns = signature.outputArg.map(({ name }) => ret[name]);
  returns.forEach(visit);
  const known = [...order].every(isKnown);
  return known ? { args: signature.inputArg.map(({ name }) => name), nodes: [...order], returns } : null;
}

const isKnown = ({ op }) => op in OPERATORS || op === 'Const';

function unknownOperators(loops, functions) {
  const called = loops.flatMap(({ attr }) => [attr.body, attr.cond].map(({ func }) => functions.get(func.name)));
  const nodes = called.flatMap((one) => one?.nodeDef ?? []).filter((node) => !isKnown(node));
  return new Set(nodes.map(({ op }) => op));
}

function levelOf(loop, nodes, byName) {
  if (loop.level) return loop.level;
  const seen = new Set();
  const waiting = loop.inputs.map(({ tensor }) => tensor).filter(Boolean);
  let level = 1;
  while (waiting.length) {
    const [name] = parse(waiting.pop());
    if (seen.has(name)) continue;
    seen.add(name);
    if (byName.has(name)) level = Math.max(level, 1 + levelOf(byName.get(name), nodes, byName));
    else waiting.push(...(nodes.get(name).input ?? []));
  }
  return (loop.level = level);
}

/**
 * Answer with a model that has loops.
 * @param {object} tf TF.js
 * @param {object} model its GraphModel
 * @param {Array<Array<object>>} levels as findLoops gives them
 * @param {object} feed tensors by the names of nodes
 * @param {string[]} wanted nodes
 * @returns {Promise<Array>} tensors
 */
export async function runWithLoops(tf, model, levels, feed, wanted) {
  const known = { ...feed };
  const made = [];
  let results = [];
  levels.flat().forEach((loop) => (loop.numbers ??= numbersOf(model, loop)));
  try {
    for (const loops of levels) {
      const { arrays, release } = await read(tf, model, known, loops);
      let ends;
      try {
        ends = loops.flatMap((loop) => run(loop, arrays));
      } finally {
        release();
      }
      for (const { name, data, shape } of ends) {
        const dtype = { Int32Array: 'int32', Uint8Array: 'bool' }[data.constructor.name] ?? 'float32';
        made.push((known[name] = tf.tensor(data, shape, dtype)));
      }
    }
    results = [model.execute(known, wanted)].flat();
    return results;
  } finally {
    // A loop's result may be the model's.
    made.filter((tensor) => !results.includes(tensor)).forEach((tensor) => tensor.dispose());
  }
}

/** The values that some loops start with, by their tensors' names, until they are released. */
async function read(tf, model, known, loops) {
  const weights = model.executor.weightMap;
  const arrays = new Map();
  const names = new Set();
  for (const { inputs, constants } of loops) {
    for (const { tensor } of inputs) {
      const weight = tensor && weights[tensor]?.[0];
      if (weight && !constants.has(tensor)) {
        constants.set(tensor, { data: weight.dataSync(), shape: weight.shape });
      }
      if (weight) arrays.set(tensor, constants.get(tensor));
      else if (tensor) names.add(tensor);
    }
  }
  if (!names.size) return { arrays, release() {} };
  const wanted = [...names];
  const tensors = [model.execute(known, wanted)].flat();
  const fed = new Set(Object.values(known));
  const ours = tensors.filter((tensor) => !fed.has(tensor) && !tensor.kept); // weights come as they are
  const release = () => ours.forEach((tensor) => tensor.dispose());
  try {
    for (const [n, tensor] of tensors.entries()) arrays.set(wanted[n], await numbersIn(tf, tensor));
  } catch (error) {
    release();
    throw error;
  }
  return { arrays, release };
}

/** What a tensor holds: a copy, or where TF.js has a memory of wasm what lies there, when it is asked. */
async function numbersIn(tf, tensor) {
  const { shape } = tensor;
  const backend = tf.engine().backendInstance;
  if (!backend.typedArrayFromHeap) return { data: await tensor.data(), shape };
  // Not before: that memory moves when it grows.
  return {
    shape,
    get data() {
      return backend.typedArrayFromHeap(tensor);
    },
  };
}

/** One loop from its start to its end: {name, data, shape} of each result that is wanted. */
function run(loop, arrays) {
  const starts = loop.inputs.map(({ tensor }) => (tensor ? arrays.get(tensor) : null));
  const key = starts.map((start) => start?.shape.join() ?? '').join(';');
  if (!loop.compiled.has(key)) loop.compiled.set(key, compile(loop, starts));
  const { states, step, asks, goesOn, next } = loop.compiled.get(key);
  for (const [n, state] of states.entries()) {
    if (!starts[n]) state.rows = 0;
    else state.data.set(starts[n].data);
  }
  for (;;) {
    for (const ask of asks) ask();
    if (!goesOn.data[0]) break;
    for (const work of step) work();
    for (const move of next) move();
  }
  // A copy: what is handed on may be given away, and with it the memory.
  return loop.outputs.map(({ name, index }) => {
    const state = states[index];
    const end = starts[index] ? { data: state.data.slice(), shape: state.shape } : stacked(state);
    return { name, ...end };
  });
}

function stacked({ rows, numbers, shape }) {
  return { data: numbers.slice(0, rows * sizeOf(shape)), shape: [rows, ...shape] };
}

/** A loop for one set of shapes: functions over arrays that are made here. */
function compile(loop, starts) {
  const states = starts.map((start, n) => {
    if (!start) return { rows: 0, numbers: new Float32Array(0), shape: null };
    return { data: start.data.slice(), shape: start.shape };
  });
  const tensors = new Set(states.filter((state) => state.data));
  const body = build(loop.numbers, loop.body, states, tensors);
  const cond = build(loop.numbers, loop.cond, states, tensors);
  const simd = placed(tensors, body.work.length + cond.work.length + states.length);
  const [step, asks] = [body, cond].map(({ work }) => together(work, simd));
  const next = [];
  const late = [];
  for (const [n, end] of body.ends.entries()) {
    if (end === states[n] || !starts[n]) continue;
    const state = states[n];
    if (!states.includes(end.within ?? end)) {
      late.push(copied(end, state));
      continue;
    }
    // All are read before any is written: one state may become another.
    const held = end.data.slice();
    next.push(() => held.set(end.data));
    late.push({ run: () => state.data.set(held) });
  }
  return { states, step, asks, goesOn: cond.ends[0], next: [...next, ...together(late, simd)] };
}

const copied = (from, to) => ({
  run: () => to.data.set(from.data),
  simd: () => areNumbers(from, to) && ['copy', from.at, 0, to.at, to.data.length],
});

/** Functions that do some work in its order: what simd.wat can do, it does in one call. */
function together(work, simd) {
  const functions = [];
  let chain = null;
  for (const { run: own, simd: kernel } of work) {
    const [name, ...given] = (simd && kernel?.()) || [];
    if (!name) {
      functions.push(own);
      chain = null;
      continue;
    }
    const at = simd.write([KERNELS.indexOf(name), ...given]);
    if (!chain) {
      const mine = (chain = { from: at, end: at });
      functions.push(() => simd.run(mine.from, mine.end));
    }
    chain.end = at + RECORD;
  }
  return functions;
}

const KERNELS = ['sum', 'product', 'difference', 'sigmoid', 'tanh', 'multiply', 'copy', 'item'];
const RECORD = 32; // bytes of one of them in a list for simd.wat
let simdModule; // null where a browser has no SIMD

/** Put all numbers of a loop into one memory, and give what works on them there: at most so many. */
function placed(tensors, most) {
  if (simdModule === undefined) {
    const forms = [RELAXED, PLAIN].map((text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));
    const bytes = forms.find((form) => WebAssembly.validate(form));
    simdModule = bytes ? new WebAssembly.Module(bytes) : null;
  }
  if (!simdModule) return null;
  const numbers = [...tensors].filter(({ data }) => !(data instanceof Uint8Array));
  let end = 64 * Math.ceil((most * RECORD) / 64);
  for (const one of numbers.filter(({ within }) => !within)) {
    one.at = end;
    end += 64 * Math.ceil(one.data.length / 16) + 128; // lines of a cache, and room past an end
  }
  const memory = new WebAssembly.Memory({ initial: Math.ceil(end / 65536) || 1 });
  for (const one of numbers) {
    if (one.within) one.at = one.within.at + 4 * one.first;
    const own = new one.data.constructor(memory.buffer, one.at, one.data.length);
    own.set(one.data);
    one.data = own;
  }
  const { run: go } = new WebAssembly.Instance(simdModule, { loop: { memory } }).exports;
  let next = 0;
  const write = (record) => {
    const at = next;
    new Int32Array(memory.buffer, at, record.length).set(record);
    next += RECORD;
    return at;
  };
  return { run: go, write };
}

/** What a function does in a step, {run, simd}, what it gives; its tensors are added to `tensors`. */
function build(numbers, { args, nodes, returns }, states, tensors) {
  const values = new Map(args.map((name, n) => [name, [states[n]]]));
  const work = [];
  const value = (tensor) => {
    const [name, index] = parse(tensor);
    return values.get(name)[index];
  };
  for (const node of nodes) {
    if (node.op === 'Const') {
      const constant = { ...numbers.get(node.name), constant: true };
      values.set(node.name, [constant]);
      tensors.add(constant);
      continue;
    }
    const inputs = (node.input ?? []).map(value);
    const { outputs, run: own, simd, also = [] } = OPERATORS[node.op](inputs, node.attr ?? {});
    values.set(node.name, outputs);
    [...outputs, ...also].filter(({ data }) => data).forEach((tensor) => tensors.add(tensor));
    if (own) work.push({ run: own, simd });
  }
  return { work, ends: returns.map(value) };
}

/** The constants of a loop's functions, by their names. */
function numbersOf(model, { body, cond }) {
  const names = [...body.nodes, ...cond.nodes].filter(({ op }) => op === 'Const').map(({ name }) => name);
  return new Map(
    names.map((name) => {
      const [tensor] = model.executor.weightMap[name];
      return [name, { data: tensor.dataSync(), shape: tensor.shape }];
    }),
  );
}

const sizeOf = (shape) => shape.reduce((product, axis) => product * axis, 1);
const made = (shape, like) => ({ shape, data: new like.constructor(sizeOf(shape)) });

/** numpy's broadcasting: the shape of a result, and where in a tensor each of its numbers is. */
function broadcast(...tensors) {
  const rank = Math.max(...tensors.map(({ shape }) => shape.length));
  const padded = tensors.map(({ shape }) => [...Array(rank - shape.length).fill(1), ...shape]);
  const shape = Array.from({ length: rank }, (_, n) => {
    const sizes = padded.map((own) => own[n]);
    return sizes.find((size) => size !== 1) ?? 1;
  });
  const size = sizeOf(shape);
  const places = padded.map((own) => {
    const place = new Int32Array(size);
    for (let i = 0; i < size; i++) {
      let rest = i;
      let stride = 1;
      for (let axis = rank - 1; axis >= 0; axis--) {
        const at = rest % shape[axis];
        rest = (rest - at) / shape[axis];
        if (own[axis] !== 1) place[i] += at * stride;
        stride *= own[axis];
      }
    }
    return place;
  });
  return { shape, places };
}

const same = (a, b) => a.shape.join() === b.shape.join();
/** Whether each number of one belongs to that at the same place of the other: [1, 4] and [4]. */
const alike = (a, b) => {
  const inner = ({ shape }) => shape.slice(shape.findIndex((size) => size !== 1)).join();
  return sizeOf(a.shape) === sizeOf(b.shape) && (sizeOf(a.shape) === 1 || inner(a) === inner(b));
};
const areNumbers = (...tensors) => tensors.every(({ data }) => data instanceof Float32Array);

function unary(of) {
  return ([x]) => {
    const out = made(x.shape, x.data);
    const work = () => {
      for (let i = 0; i < out.data.length; i++) out.data[i] = of(x.data[i]);
    };
    return { outputs: [out], run: work };
  };
}

/** A number that no step changes, as many times as what it meets has numbers. */
function widened(one, other) {
  if (!one.constant || one.data.length !== 1 || other.data.length === 1) return one;
  return { shape: other.shape, data: new Float32Array(other.data.length).fill(one.data[0]) };
}

function binary(of, fast = null, like = null) {
  return ([first, second]) => {
    const wide = fast && areNumbers(first, second);
    const [a, b] = wide ? [widened(first, second), widened(second, first)] : [first, second];
    // Counters are whole numbers: one loop for both kinds would be specialized for neither.
    if (fast && alike(a, b) && areNumbers(a, b)) {
      const out = made(a.shape.length < b.shape.length ? b.shape : a.shape, a.data);
      return {
        outputs: [out],
        also: [a, b],
        run: () => FAST[fast](a.data, b.data, out.data),
        simd: () => [fast, a.at, b.at, out.at, out.data.length],
      };
    }
    const { shape, places } = broadcast(a, b);
    const [inA, inB] = places;
    const out = made(shape, like ?? a.data);
    const work = () => {
      for (let i = 0; i < out.data.length; i++) out.data[i] = of(a.data[inA[i]], b.data[inB[i]]);
    };
    return { outputs: [out], run: work };
  };
}

// The most frequent ones, each a loop that the engine can specialize; they are in simd.wat too.
const FAST = {
  sum(a, b, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i] + b[i];
  },
  product(a, b, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i] * b[i];
  },
  difference(a, b, out) {
    for (let i = 0; i < out.length; i++) out[i] = a[i] - b[i];
  },
};

function choose(mask, a, b, out) {
  for (let i = 0; i < out.length; i++) out[i] = mask[i] ? a[i] : b[i];
}

function sigmoid([x]) {
  const out = made(x.shape, x.data);
  const work = () => {
    const from = x.data;
    const to = out.data;
    for (let i = 0; i < to.length; i++) to[i] = 1 / (1 + Math.exp(-from[i]));
  };
  return { outputs: [out], run: work, simd: activation('sigmoid', x, out) };
}

const activation = (name, x, out) => () => areNumbers(x) && [name, x.at, 0, out.at, out.data.length];

function tanh([x]) {
  const out = made(x.shape, x.data);
  const work = () => {
    const from = x.data;
    const to = out.data;
    // In double, what the difference loses near 0 is below float32's smallest step there.
    for (let i = 0; i < to.length; i++) to[i] = 1 - 2 / (1 + Math.exp(2 * from[i]));
  };
  return { outputs: [out], run: work, simd: activation('tanh', x, out) };
}

function matMul([a, b], attr) {
  if (attr.transpose_a?.b) throw new Error('a recurrence multiplies from the other side');
  const [rows, depth] = a.shape;
  const width = attr.transpose_b?.b ? b.shape[0] : b.shape[1];
  const out = made([rows, width], a.data);
  const turned = attr.transpose_b?.b ? new Float32Array(depth * width) : null;
  const work = () => {
    if (turned) {
      for (let k = 0; k < depth; k++) for (let j = 0; j < width; j++) turned[k * width + j] = b.data[j * depth + k];
    }
    multiply(a.data, turned ?? b.data, out.data, rows, depth, width);
  };
  const simd = () => !turned && areNumbers(a, b) && ['multiply', a.at, b.at, out.at, rows, depth, width];
  return { outputs: [out], run: work, simd };
}

function multiply(a, w, out, rows, depth, width) {
  out.fill(0);
  const even = depth - (depth % 4);
  for (let r = 0; r < rows; r++) {
    const to = r * width;
    for (let k = 0; k < even; k += 4) {
      const at = r * depth + k;
      const [a0, a1, a2, a3] = [a[at], a[at + 1], a[at + 2], a[at + 3]];
      const p0 = k * width;
      const p1 = p0 + width;
      const p2 = p1 + width;
      const p3 = p2 + width;
      for (let j = 0; j < width; j++) {
        out[to + j] += a0 * w[p0 + j] + a1 * w[p1 + j] + (a2 * w[p2 + j] + a3 * w[p3 + j]);
      }
    }
    for (let k = even; k < depth; k++) {
      const one = a[r * depth + k];
      for (let j = 0; j < width; j++) out[to + j] += one * w[k * width + j];
    }
  }
}

/** Parts that lie one behind the other: they are the whole's own numbers, and take no work. */
function within(x, sizes, run, before, after, keepAxis) {
  const whole = x.within ?? x;
  let first = x.first ?? 0;
  const outputs = sizes.map((size) => {
    const shape = [...before, ...(keepAxis ? [size] : []), ...after];
    const count = size * run;
    const own = first - (x.first ?? 0);
    const part = { shape, data: x.data.subarray(own, own + count), within: whole, first };
    first += count;
    return part;
  });
  return { outputs };
}

/** Parts along an axis; a part is a run of numbers for each place on the axes before it. */
function parts(x, axis, sizes, keepAxis = true) {
  const along = (axis + x.shape.length) % x.shape.length;
  const before = x.shape.slice(0, along);
  const after = x.shape.slice(along + 1);
  const rows = sizeOf(before);
  const run = sizeOf(after);
  const all = x.shape[along] * run;
  if (rows === 1 && areNumbers(x)) return within(x, sizes, run, [...before], [...after], keepAxis);
  const outputs = sizes.map((size) => made([...before, ...(keepAxis ? [size] : []), ...after], x.data));
  const work = () => {
    let start = 0;
    for (const { data } of outputs) {
      const width = data.length / rows;
      for (let r = 0; r < rows; r++) {
        const from = r * all + start;
        for (let j = 0; j < width; j++) data[r * width + j] = x.data[from + j];
      }
      start += width;
    }
  };
  return { outputs, run: work };
}

const equal = (total, count) => Array(count).fill(total / count);

function split([axis, x], attr) {
  const [at] = axis.data;
  return parts(x, at, equal(x.shape.at(at), Number(attr.num_split.i)));
}

function splitSizes([x, sizes, axis]) {
  const [at] = axis.data;
  const given = [...sizes.data];
  const rest = x.shape.at(at) - given.reduce((sum, size) => sum + Math.max(size, 0), 0);
  return parts(x, at, given.map((size) => (size < 0 ? rest : size)));
}

function unpack([x], attr) {
  const at = Number(attr.axis?.i ?? 0);
  return parts(x, at, equal(x.shape.at(at), x.shape.at(at)), false);
}

function select([mask, a, b]) {
  const { shape, places } = broadcast(mask, a, b);
  const [inMask, inA, inB] = places;
  const out = made(shape, a.data);
  const plain = same(mask, a) && same(a, b);
  const work = () => (plain ? choose(mask.data, a.data, b.data, out.data) : pick());
  const pick = () => {
    for (let i = 0; i < out.data.length; i++) {
      out.data[i] = mask.data[inMask[i]] ? a.data[inA[i]] : b.data[inB[i]];
    }
  };
  return { outputs: [out], run: work };
}

function item([list, index]) {
  const out = made(list.shape.slice(1), list.data);
  const size = out.data.length;
  const work = () => {
    const first = index.data[0] * size;
    out.data.set(list.data.subarray(first, first + size));
  };
  const simd = () => areNumbers(list) && index.at !== undefined && ['item', list.at, index.at, out.at, size];
  return { outputs: [out], run: work, simd };
}

function setItem([list, index, value]) {
  list.shape = value.shape;
  const size = value.data.length;
  const work = () => {
    const [row] = index.data;
    if (size * (row + 1) > list.numbers.length) {
      const more = new Float32Array(2 * size * (row + 1));
      more.set(list.numbers);
      list.numbers = more;
    }
    list.numbers.set(value.data, size * row);
    list.rows = Math.max(list.rows, row + 1);
  };
  return { outputs: [list], run: work };
}

/** The same numbers without some axes of one; TensorFlow names them, or means all. */
function squeeze([x], attr) {
  const axes = (attr.squeeze_dims?.list?.i ?? []).map((axis) => (Number(axis) + x.shape.length) % x.shape.length);
  const gone = (size, n) => (axes.length ? axes.includes(n) : size === 1);
  const out = made(x.shape.filter((size, n) => !gone(size, n)), x.data);
  return { outputs: [out], run: () => out.data.set(x.data) };
}

/** A part of a tensor whose limits no step changes. */
function stridedSlice([x, begin, end, strides], attr) {
  const bit = (mask, n) => (Number(attr[mask]?.i ?? 0) >> n) & 1;
  if (Number(attr.ellipsis_mask?.i ?? 0) || Number(attr.new_axis_mask?.i ?? 0)) {
    throw new Error('a recurrence slices along axes that are not named');
  }
  const kept = [];
  let places = [0];
  for (const [n, size] of x.shape.entries()) {
    const inside = n < begin.data.length;
    const stride = inside ? strides.data[n] : 1;
    const limit = (value) => (value < 0 ? Math.max(value + size, stride < 0 ? -1 : 0) : Math.min(value, size));
    const shrink = inside && bit('shrink_axis_mask', n);
    let from = stride > 0 ? 0 : size - 1;
    let to = stride > 0 ? size : -1;
    if (inside && (shrink || !bit('begin_mask', n))) from = Math.min(limit(begin.data[n]), size - 1);
    if (inside && !bit('end_mask', n)) to = limit(end.data[n]);
    if (shrink) to = from + Math.sign(stride);
    const at = [];
    for (let i = from; stride > 0 ? i < to : i > to; i += stride) at.push(i);
    places = places.flatMap((place) => at.map((i) => place * size + i));
    if (!shrink) kept.push(at.length);
  }
  const out = made(kept, x.data);
  const work = () => {
    for (let i = 0; i < places.length; i++) out.data[i] = x.data[places[i]];
  };
  return { outputs: [out], run: work };
}

const truth = new Uint8Array(0);
const OPERATORS = {
  Identity: ([x]) => ({ outputs: [x] }),
  Sigmoid: sigmoid,
  Tanh: tanh,
  Relu: unary((x) => (x < 0 ? 0 : x)),
  Relu6: unary((x) => Math.min(6, Math.max(0, x))),
  Elu: unary((x) => (x < 0 ? Math.expm1(x) : x)),
  Exp: unary(Math.exp),
  Neg: unary((x) => -x),
  AddV2: binary((a, b) => a + b, 'sum'),
  Add: binary((a, b) => a + b, 'sum'),
  BiasAdd: binary((a, b) => a + b, 'sum'),
  Mul: binary((a, b) => a * b, 'product'),
  Sub: binary((a, b) => a - b, 'difference'),
  RealDiv: binary((a, b) => a / b),
  Minimum: binary(Math.min),
  Maximum: binary(Math.max),
  Less: binary((a, b) => a < b, null, truth),
  LessEqual: binary((a, b) => a <= b, null, truth),
  Greater: binary((a, b) => a > b, null, truth),
  GreaterEqual: binary((a, b) => a >= b, null, truth),
  LogicalAnd: binary((a, b) => a && b, null, truth),
  MatMul: matMul,
  Split: split,
  SplitV: splitSizes,
  Unpack: unpack,
  SelectV2: select,
  Squeeze: squeeze,
  StridedSlice: stridedSlice,
  TensorListGetItem: item,
  TensorListSetItem: setItem,
};
