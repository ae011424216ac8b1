"""A converted file on a page of a real browser, as a runner."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_deploy.core.errors import ArtifactError, UsageError
from edge_deploy.core.spec import Array, Arrays, Feature, ModelSpec, TensorSpec

if TYPE_CHECKING:
    from playwright.sync_api import Page

# A first WebGPU or WebGL run compiles shaders: 14 s for MobileNetV2 on two cores.
_SECONDS = 180
# On one way to the page and back: what a way costs is little beside these.
_MOST_SAMPLES, _MOST_BYTES = 100, 1_000_000


class PageRunner:
    """A model on a page: one sample in, its outputs out.

    Attributes:
        seconds: The model's own time for each of the last answers, by the page's clock, which ticks
            every 0.1 ms: without the way to the page and back.
    """

    def __init__(self, page: Page, what: str, spec: ModelSpec) -> None:
        self.seconds: list[float] = []
        self._page, self._what, self._spec = page, what, spec
        self._complaints: list[str] = []
        page.on("pageerror", self._failed)
        page.on("console", self._heard)

    def close(self) -> None:
        """Listen to the page no more."""
        self._page.remove_listener("pageerror", self._failed)
        self._page.remove_listener("console", self._heard)

    def _failed(self, error: Any) -> None:
        self._complaints.append(page_message(error))

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self._complaints.append(message.text.partition("\n")[0])

    def open(self, site: str, target: str, model: str, backend: str) -> None:
        """Load the page and the model; the backend must be the one that was asked for."""
        from playwright.sync_api import Error

        try:
            self._page.goto(f"{site}harness.html")
            # A flag and not a function: the policy of the page forbids to evaluate text.
            self._page.wait_for_selector("html[data-state=ready]", state="attached")
        except Error as error:
            raise self._failure(error) from error
        self.start(target, model, backend)

    def start(self, target: str, model: str, backend: str) -> None:
        """Load the model on a page that is ready."""
        spec = {
            "inputs": [{"name": one.name, "dtype": one.dtype} for one in self._spec.inputs],
            "outputs": [{"name": one.name, "dtype": one.dtype} for one in self._spec.outputs],
        }
        used = self._ask(
            "(all) => edgeDeploy.open(...all)",
            [target, model, backend, spec, _SECONDS],
        )
        if used != backend:
            raise ArtifactError(f"{self._what}: the page runs it on {used} instead.")

    def predict(self, inputs: Arrays) -> Arrays:
        """Answer one sample.

        Raises:
            ArtifactError: The page could not, in its own words.
        """
        return self.predict_each([inputs])[0]

    def predict_each(self, samples: Sequence[Arrays]) -> list[Arrays]:
        """Answer samples one after another, many on one way to the page and back.

        Raises:
            ArtifactError: The page could not, in its own words.
        """
        found: list[Arrays] = []
        self.seconds = []
        for some in at_once(samples):
            found += self._answers(some)
        return found

    def _answers(self, samples: Sequence[Arrays]) -> list[Arrays]:
        script = """async ([samples, seconds]) => {
          const answers = [];
          for (const one of samples) answers.push(await edgeDeploy.predict(one, seconds));
          return answers;
        }"""
        answers = self._ask(script, [[self._encoded(one) for one in samples], _SECONDS])
        self.seconds += [one["ms"] / 1e3 for one in answers]
        return [
            {
                tensor.name: _decode(one["outputs"][tensor.name], tensor)
                for tensor in self._spec.outputs
            }
            for one in answers
        ]

    def time(self, inputs: Arrays, fewest: int, most: int, seconds: float) -> list[float]:
        """Seconds of answers by the page's own clock, without the way to the page and back.

        Args:
            inputs: One sample.
            fewest: Answers at least.
            most: Answers at most.
            seconds: How long at least, between the two.
        """
        asked = [self._encoded(inputs), fewest, most, seconds, _SECONDS]
        script = "([inputs, ...rest]) => edgeDeploy.time(inputs, ...rest)"
        return [float(ms) / 1e3 for ms in self._ask(script, asked)]

    def _encoded(self, inputs: Arrays) -> dict[str, Any]:
        return {
            tensor.name: {
                "data": base64.b64encode(_wire_array(inputs[tensor.name]).tobytes()).decode(),
                "shape": list(inputs[tensor.name].shape),
            }
            for tensor in self._spec.inputs
        }

    def encode(self, features: Sequence[Feature], rows: Sequence[Mapping[str, Any]]) -> Array:
        """Rows as the page encodes them, which counts their texts: float32 (rows, width).

        Raises:
            ArtifactError: The page cannot, in its own words.
        """
        from edge_deploy.data.preprocessing.features import features_to_json

        width = sum(feature.width for feature in features)
        return self.encode_document(features_to_json(features), rows, width)

    def encode_document(
        self, features: list[dict[str, Any]], rows: Sequence[Mapping[str, Any]], width: int
    ) -> Array:
        """The same, of features as JSON that fill ``width`` numbers."""
        script = "(all) => edgeDeploy.encode(...all)"
        encoded = np.zeros((len(rows), width), np.float32)
        answer = self._ask(script, [features, list(rows)])
        for row, pairs in zip(encoded, answer, strict=True):
            row[np.array(pairs[::2], np.int64)] = pairs[1::2]
        return encoded

    def live_tensors(self) -> int:
        """How many tensors the page holds; it must not grow from sample to sample."""
        return int(self._ask("() => edgeDeploy.tensors()", None))

    def _ask(self, script: str, argument: Any) -> Any:
        from playwright.sync_api import Error

        try:
            return self._page.evaluate(script, argument)
        except Error as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> ArtifactError:
        words = page_message(error)
        heard = [text for text in dict.fromkeys(self._complaints) if text not in words][:3]
        return ArtifactError(f"{self._what}: {'; '.join([words, *heard])}")


def at_once(samples: Sequence[Arrays]) -> Iterator[Sequence[Arrays]]:
    """The samples in parts that go to the page on one way."""
    place = 0
    while place < len(samples):
        size = sum(values.nbytes for values in samples[place].values())
        many = max(1, min(_MOST_SAMPLES, _MOST_BYTES // max(size, 1)))
        yield samples[place : place + many]
        place += many


def _wire_array(values: Array) -> Array:
    """What travels to the page: TF.js has 32-bit numbers and bytes for booleans."""
    kinds = {"b": np.uint8, "i": np.int32, "u": np.int32}
    wire = np.ascontiguousarray(values, dtype=kinds.get(values.dtype.kind, np.float32))
    if values.dtype.kind in "iu" and not np.array_equal(wire, values):
        raise UsageError("An input holds integers beyond 32 bits, which TF.js does not have.")
    return wire


def _decode(entry: dict[str, Any], tensor: TensorSpec) -> Array:
    kind = {"Float32Array": np.float32, "Int32Array": np.int32}.get(entry["array"], np.uint8)
    values = np.frombuffer(base64.b64decode(entry["data"]), kind).reshape(entry["shape"])
    return values.astype(np.dtype(tensor.dtype))


def page_message(error: Any) -> str:
    """What a page or the driver says, without who says it."""
    text = str(error).strip().partition("\n")[0]
    for prefix in ("Page.evaluate: ", "Page.goto: ", "Error: "):
        text = text.removeprefix(prefix)
    return text
