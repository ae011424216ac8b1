"""A caged child's browser: it answers as the real one, and opens nothing else."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from edge_deploy.core.errors import ArtifactError, EdgeDeployError, MissingDependencyError
from edge_deploy.core.spec import Feature, ModelSpec, TensorSpec
from edge_deploy.core.worker.channel import Channel
from edge_deploy.web.remote_browser import BrowserHost, RemoteBrowser


@contextlib.contextmanager
def served(host: BrowserHost, client: Callable[[Channel], Any]) -> Iterator[list[Any]]:
    """Serve a client, which runs in another thread, until it ends: what it returned or raised."""
    here, there = socket.socketpair()
    result: list[Any] = []

    def run() -> None:
        try:
            result.append(client(Channel(there)))
        except EdgeDeployError as error:
            result.append(error)
        finally:
            there.close()

    thread = Thread(target=run)
    thread.start()
    line = Channel(here)
    try:
        while (request := line.receive()) is not None:
            line.send(*host.answer(*request))
    finally:
        host.close()
        here.close()
        thread.join()
    yield result


SPEC = {"inputs": [["x", [None, 2], "float32"]], "outputs": [["y", [None, 1], "float32"]]}
OPEN = {"call": "open", "target": "tfjs", "backend": "wasm", "spec": SPEC}
REFUSED = {
    "outside": ({**OPEN, "path": "outside/model.json"}, "not a file of this command"),
    "up": ({**OPEN, "path": "out/../outside/model.json"}, "not a file of this command"),
    "link": ({**OPEN, "path": "out/link.json"}, "not a file of this command"),
    "before start": ({**OPEN, "path": "out/model.json"}, "no browser"),
    "no such call": ({"call": "_launch"}, "could not be asked"),
    "no call": ({}, "could not be asked"),
    "no page": ({"call": "time", "page": 7}, "could not be asked"),
    "no samples": ({"call": "predict", "page": 1, "samples": 10**12}, "not whole"),
    "page of text": ({"call": "time", "page": "x"}, "could not be asked"),
    "many numbers": (
        {"call": "encode", "page": 1, "features": [], "rows": [{}] * 99, "width": 10**9},
        "too many numbers",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_of_a_stranger_is_refused(tmp_path: Path, name: str) -> None:
    for folder in ("out", "outside"):
        Path(folder).mkdir()
        Path(folder, "model.json").write_text("{}")
    Path("out/link.json").symlink_to(tmp_path / "outside" / "model.json")
    header, words = REFUSED[name]
    answer, arrays = BrowserHost(None, [Path("out")]).answer(header, {})
    assert (words in answer["error"]["message"], arrays) == (True, {})


def test_a_missing_browser_is_the_childs_error() -> None:
    with served(BrowserHost(Path("no-such-browser"), []), RemoteBrowser) as (error,):
        assert isinstance(error, EdgeDeployError)
        assert "no-such-browser" in str(error) and not isinstance(error, MissingDependencyError)


@pytest.mark.slow
def test_it_answers_as_the_browser_itself(browser: Any, tmp_path: Path) -> None:
    import sklearn.linear_model

    import edge_deploy

    x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    model = sklearn.linear_model.LinearRegression().fit(x, x[:, 0] - x[:, 1])
    made = edge_deploy.convert(model, name="line", to=["tfjs"], output=tmp_path).artifact
    assert made is not None
    path, spec = made.main_file(made.manifest.artifacts[0]), made.spec
    name = spec.inputs[0].name
    features = [Feature("a"), Feature("b", categories=("u", "v"), encode="one-hot")]
    rows = [{"a": 1, "b": "v"}]

    def ask(opener: Any) -> tuple[Any, ...]:
        with opener.open_file("tfjs", path, "wasm", spec) as page:
            answers = page.predict_each([{name: x[n : n + 1]} for n in range(5)])
            assert len(page.seconds) == 5 and min(page.seconds) >= 0
            times = page.time({name: x[:1]}, 2, 3, 0.0)
            with pytest.raises(ArtifactError, match="no such file"):
                opener.open_file("tfjs", path.with_name("no.json"), "wasm", spec).__enter__()
            wrong = ModelSpec(spec.inputs, (TensorSpec("z", (None, 7), "float32"),) * 9)
            with pytest.raises(ArtifactError) as told:
                opener.open_file("tfjs", path, "wasm", wrong).__enter__()
            return answers, len(times), str(told.value), page.encode(features, rows).tolist()

    def ask_and_end(line: Channel) -> tuple[Any, ...]:
        remote = RemoteBrowser(line)
        found = ask(remote)
        remote.end()
        with pytest.raises(ArtifactError, match="no browser"):
            remote.open_file("tfjs", path, "wasm", spec).__enter__()
        return found

    own = ask(browser)
    host = BrowserHost(None, [tmp_path])
    host._browser = browser  # a second one beside it would take seconds
    with served(host, ask_and_end) as (found,):
        if isinstance(found, Exception):
            raise found
    assert found[1:] == own[1:]
    for mine, theirs in zip(own[0], found[0], strict=True):
        assert {n: a.tolist() for n, a in mine.items()} == {
            n: a.tolist() for n, a in theirs.items()
        }
