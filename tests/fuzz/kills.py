"""``python -m tests.fuzz.kills``: commands killed at every change of a file, and at random moments.

Whatever the moment, what stands afterwards is the old version whole or the new one whole, and the
next run clears away what was left. Python tells an audit hook of every file that is opened for
writing, renamed or removed: the hook counts those below the output and kills the process, with what
it started, before one of them, so that nothing in the program knows of it. One process imports
TensorFlow; each moment is a fork of it.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.files import put_hashes_right

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate")

HEAVY = ("convert", "init", "tune")
"""Commands that import TensorFlow, which is done once for all of their moments."""

# As edge_deploy.core.atomic_io names a file that is not in its place yet.
_HALF = re.compile(r"\..+\.\d+")

Files = dict[str, str]
"""Files by path, with their hashes."""


@dataclass(frozen=True)
class Command:
    """What is killed.

    Attributes:
        run: Runs it in the current folder.
        again: Runs it once more, after it was killed: what is there may be replaced.
        kept: The folder that must stay whole.
        whole: Whether what is in that folder is a version by itself.
        prepare: Makes the current folder what it was before the command.
        state: Tells the old version from the new one where the files of both may differ.
    """

    run: Callable[[], object]
    again: Callable[[], object]
    kept: str
    whole: Callable[[Path], bool]
    prepare: Callable[[Path], object]
    state: Callable[[Path, Files], str] | None = None


def whole_artifact(folder: Path) -> bool:
    """Whether every file is as the manifest says, and no file is missing or too many."""
    from edge_deploy.artifact.artifact import open_artifact
    from edge_deploy.core.errors import EdgeDeployError

    try:
        found = open_artifact(folder)
    except EdgeDeployError:
        return False
    named = {file.path for file in found.manifest.files} | {"manifest.json"}
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return not found.changed_files() and named == there


def whole_site(folder: Path) -> bool:
    """Whether every file of a site is one that its record names, whole, and all shown is there.

    A site that is there already is changed file by file: a server may stand in it.
    """
    from edge_deploy.core.errors import EdgeDeployError
    from edge_deploy.web.site_index import place, read_index

    try:
        record = json.loads((folder / "models/site.json").read_text())["files"]
        entries = read_index(folder).entries
    except (EdgeDeployError, OSError, ValueError):
        return False
    now = files_of(folder)
    shown = [place(entry, f["file"]) for entry in entries for f in entry["files"]]
    return all(path in now for path in shown) and all(
        known in record.get(path, ())
        for path, known in now.items()
        if path != "models/site.json" and not path.startswith(".edge-deploy-partial/")
    )


def whole_releases(folder: Path) -> bool:
    """Whether every version that a site's releases name is there, each file as it was written."""
    from edge_deploy.core.errors import EdgeDeployError
    from edge_deploy.web.releases import read_releases
    from edge_deploy.web.site_index import place, read_index

    try:
        record = json.loads((folder / "models/site.json").read_text())["files"]
        index, releases = read_index(folder), read_releases(folder)
    except (EdgeDeployError, OSError, ValueError):
        return False
    now = files_of(folder)
    for model in releases.models:
        for version in model.versions:
            entry = index.entry(model.name, version)
            if entry is None:
                return False
            paths = [place(entry, part["path"]) for f in entry["files"] for part in f["parts"]]
            if not all(path in now and now[path] in record.get(path, ()) for path in paths):
                return False
    return whole_site(folder)


def whole_recipe(folder: Path) -> bool:
    """Whether the one file that ``init`` writes can be read."""
    from edge_deploy.api import recipe
    from edge_deploy.core.errors import EdgeDeployError

    try:
        recipe.read(folder / "edge-deploy.toml")
    except EdgeDeployError:
        return False
    return True


def whole_branch(folder: Path) -> bool:
    """Whether a repository is sound, and its branch a site's version."""
    sound = _git(folder, "fsck", "--connectivity-only", "--no-dangling")
    return sound is not None and _branch(folder) in ("old", "new")


def _branch(folder: Path, _: Files | None = None) -> str:
    """Of which site the branch is."""
    return _git(folder, "show", "gh-pages:which.txt") or "none"


def _releases(folder: Path, old: Files) -> str:
    """Whether visitors get what they got before: one file says it."""
    now = files_of(folder)["models/releases.json"]
    return "old" if now == old.get("models/releases.json") else "new"


def _git(folder: Path, *arguments: str) -> str | None:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def files_of(folder: Path) -> Files:
    """Every file below a folder, and its hash, but what was being written: the next run clears it.

    ``leftovers`` asks whether it does.
    """
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not _HALF.fullmatch(p.name)
    }


def commands(corpus: Path) -> dict[str, Command]:
    """What is killed, by name."""
    from edge_deploy import (
        build_demo,
        bundle,
        convert,
        init,
        promote,
        publish,
        push,
        quantize,
        rollback,
        tune,
        verify,
    )
    from edge_deploy.web import assets

    model = corpus / "models/logistic.pkl"
    table = corpus / "artifacts/table"
    made = "out/logistic/1"

    def converted(**more: Any) -> Callable[[], object]:
        return lambda: convert(model, to=("onnx",), output="out", **more)

    def tuned(**more: Any) -> Callable[[], object]:
        return lambda: tune(
            model, to=("onnx",), output="out", version="1", sparsities=(), jobs=1, **more
        )

    def copied(folder: Path) -> None:
        shutil.copytree(table, folder / "out/table/1")

    def with_site(folder: Path) -> None:
        copied(folder)
        picture = folder / "out/table/1/manifest.json"
        build_demo(folder / "out/table/1", folder / "site")
        # The site is of another version than the one that is put in its place.
        picture.write_text(picture.read_text().replace('"years"', '"months"'))

    def nothing(folder: Path) -> None:
        pass

    def with_version(folder: Path) -> None:
        convert(model, to=("onnx",), output=folder / "out", seed=1, samples=3)

    def quantized() -> object:
        return quantize("out/table/1", to=("onnx=float16",))

    def quantized_anew() -> object:
        return quantize("out/table/1", to=("dynamic",), overwrite=True)

    def demo() -> object:
        return build_demo("out/table/1", "site")

    def light(run: Callable[..., object]) -> Callable[..., object]:
        """Sites without the page's runtimes, which `demo` is killed with: many are copied."""

        def within(*given: Path) -> object:
            assets.FOLDERS = ()  # in a fork, which ends with it
            return run(*given)

        return within

    def with_versions(folder: Path) -> None:
        """A site of two versions, and the artifacts of these and of two more."""
        for number in "1234":
            versioned(table, folder / "versions" / number, number)
        publish(folder / "versions/1", folder / "site", by="Ada")
        publish(folder / "versions/2", folder / "site", by="Ada", channel="canary")
        promote(folder / "site", "table", by="Ada")  # a stable one would be compared first

    def with_canary(folder: Path) -> None:
        with_versions(folder)
        publish(folder / "versions/3", folder / "site", channel="canary", by="Ada")

    def published(**more: Any) -> Callable[[], object]:
        return lambda: publish("versions/3", "site", by="Bo", **more)

    def on_new_site() -> object:
        return publish("versions/3", "new", by="Bo")

    pruned = published(channel="shadow", keep=1)

    def with_branch(folder: Path) -> None:
        _small_site(folder / "site", "old")
        _git(folder, "init", "--quiet", "--bare", "host.git")
        push(folder / "site", str(folder / "host.git"))
        _small_site(folder / "site", "new")

    def pushed() -> object:
        # It was pushed from the folder that this one is a copy of.
        record = Path("site/.edge-deploy-push.json")
        record.write_text(record.read_text().replace("/before/", f"/{Path.cwd().name}/"))
        return push("site", str(Path("host.git").resolve()))

    def with_project(folder: Path) -> None:
        (folder / "project").mkdir()
        shutil.copy(model, folder / "project")

    def with_recipe(folder: Path) -> None:
        with_project(folder)
        init(folder / "project")
        path = folder / "project/edge-deploy.toml"
        path.write_text(f"# mine\n{path.read_text()}")

    def inited() -> object:
        return init("project", overwrite=True)

    anew = converted(overwrite=True)
    return {
        "convert": Command(converted(), anew, made, whole_artifact, nothing),
        "convert anew": Command(anew, anew, made, whole_artifact, with_version),
        "quantize": Command(
            quantized,
            lambda: quantize("out/table/1", to=("onnx=float16",), overwrite=True),
            "out/table/1",
            whole_artifact,
            copied,
        ),
        "quantize anew": Command(
            quantized_anew, quantized_anew, "out/table/1", whole_artifact, copied
        ),
        "verify": Command(
            lambda: verify("out/table/1", only=("onnx",), runtimes=("ort",)),
            lambda: verify("out/table/1", only=("onnx",), runtimes=("ort",)),
            "out/table/1",
            whole_artifact,
            copied,
        ),
        "tune": Command(tuned(), tuned(resume=True, overwrite=True), made, whole_artifact, nothing),
        "tune anew": Command(
            tuned(overwrite=True),
            tuned(resume=True, overwrite=True),
            made,
            whole_artifact,
            with_version,
        ),
        "demo": Command(demo, demo, "site", whole_site, copied),
        "demo anew": Command(demo, demo, "site", whole_site, with_site),
        "bundle": Command(
            lambda: bundle("out/table/1", "python", "bundled"),
            lambda: (
                shutil.rmtree("bundled", ignore_errors=True)
                or bundle("out/table/1", "python", "bundled")
            ),
            "bundled",
            lambda folder: (folder / "README.md").is_file(),
            copied,
        ),
        "publish": Command(
            light(on_new_site), light(on_new_site), "new", whole_releases, light(with_versions)
        ),
        "publish anew": Command(
            light(pruned), light(pruned), "site", whole_releases, light(with_versions), _releases
        ),
        "promote": Command(
            light(lambda: promote("site", "table", by="Bo")),
            light(lambda: rollback("site", "table", "1", by="Bo")),
            "site",
            whole_releases,
            light(with_canary),
            _releases,
        ),
        "rollback": Command(
            light(lambda: rollback("site", "table", by="Bo")),
            light(lambda: publish("versions/4", "site", by="Bo", channel="shadow")),
            "site",
            whole_releases,
            light(with_canary),
            _releases,
        ),
        "init": Command(inited, inited, "project", whole_recipe, with_project),
        "init anew": Command(inited, inited, "project", whole_recipe, with_recipe),
        "push": Command(pushed, pushed, "host.git", whole_branch, with_branch, _branch),
    }


def versioned(artifact: Path, folder: Path, version: str) -> None:
    """The same model under another version; of every second one with weights of its own."""
    shutil.copytree(artifact, folder)
    path = folder / "manifest.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "version": version}))
    if int(version) % 2 == 0:
        (weights,) = (folder / "tfjs/float32").glob("group1-shard*")
        weights.write_bytes(bytes(reversed(weights.read_bytes())))
        put_hashes_right(folder)


def _small_site(folder: Path, which: str) -> None:
    """A site of a few files, which says of itself whether it is the old or the new one."""
    from edge_deploy.web.site_writer import publish

    names = [{"name": "table", "version": which}]
    files = {f"models/table/{n}.bin": f"{which} {n}".encode() * 999 for n in range(8)}
    files |= {
        "which.txt": which.encode(),
        "models/index.json": json.dumps({"models": names}).encode(),
    }
    publish(folder, dict(files))


class _Counter:
    """Counts changes of files below the current folder and programs, and kills before one."""

    def __init__(self, kill_at: int | None, tell: int) -> None:
        self._root = str(Path.cwd()) + os.sep
        self._kill_at, self._tell, self._count = kill_at, tell, 0
        fsync = os.fsync

        def counted(number: int) -> None:
            self._changed()
            fsync(number)

        os.fsync = counted
        sys.addaudithook(self)

    def __call__(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, mode = given
            if isinstance(path, int) or not mode & _WRITES:
                return
        elif event in _CHANGES:
            path = given[0]
            if event != "os.truncate" and given[-1] >= 0:  # a name in a folder that is open
                path = Path(f"/proc/self/fd/{given[-1]}").readlink() / os.fsdecode(path)
        elif event == "subprocess.Popen":  # git, which changes files of its own
            return self._changed()
        else:
            return
        if (str(Path.cwd() / os.fsdecode(path)) + os.sep).startswith(self._root):
            self._changed()

    def _changed(self) -> None:
        if self._count == self._kill_at:
            os.killpg(0, signal.SIGKILL)
        self._count += 1
        os.pwrite(self._tell, self._count.to_bytes(4, "little"), 0)


def fork(
    folder: Path, run: Callable[[], object], kill_at: int | None, after: float | None = None
) -> tuple[int, int]:
    """Run something in a fork, in a folder.

    Args:
        folder: Becomes the current folder.
        run: What is run.
        kill_at: Before the change of that number it is killed; None lets it end.
        after: It is killed after so many seconds.

    Returns:
        The exit code (0, or -9), and how many changes it made.
    """
    with tempfile.TemporaryFile() as told:
        pid = os.fork()
        if pid == 0:
            code = 1
            os.setsid()
            try:
                os.chdir(folder)
                tempfile.tempdir = str(folder.parent / "tmp")
                Path(tempfile.tempdir).mkdir(exist_ok=True)
                _Counter(kill_at, told.fileno())
                run()
                code = 0
            except BaseException as error:
                os.write(2, f"{type(error).__name__}: {error}\n".encode()[:2000])
            finally:
                os._exit(code)
        if after is not None:
            time.sleep(after)
            with contextlib.suppress(ProcessLookupError):  # it has not got to its group yet
                os.killpg(pid, signal.SIGKILL)
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        count = int.from_bytes(os.pread(told.fileno(), 4, 0), "little")
        return os.waitstatus_to_exitcode(status), count


@dataclass
class Outcome:
    """What the moments of one command came to.

    Attributes:
        changes: Changes of files that a whole run makes.
        states: How often what stood afterwards was old, new or neither.
        faults: What went wrong, a line each.
        seconds: How long it all took.
    """

    changes: int = 0
    states: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


def kill(command: Command, moments: int, seed: int, follow: int = 1) -> Outcome:
    """Kill a command at so many moments, a sixth of them (or what changes leave) at random.

    Args:
        command: The command.
        moments: How many.
        seed: By which the random ones are drawn.
        follow: After each so many the command is run again.
    """
    outcome, begun = Outcome(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        before = Path(folder, "before")
        before.mkdir()
        # In a fork: TensorFlow must not have threads where the others are forked from.
        if (code := fork(before, lambda: command.prepare(before), None)[0]) != 0:
            raise RuntimeError(f"it could not be prepared ({code})")
        old = files_of(before / command.kept)
        start = time.monotonic()
        code, outcome.changes = fork(_copy(before), command.run, None)
        took = time.monotonic() - start
        if code != 0:
            raise RuntimeError(f"it fails by itself ({code})")
        draw = random.Random(seed)
        at_random = max(1, moments // 6, moments - outcome.changes)
        every = range(outcome.changes)
        step = max(1.0, len(every) / max(1, moments - at_random))
        spread: Sequence[int] = sorted(
            # The last changes are those by which it is the new version.
            {int(n * step) for n in range(len(every)) if n * step < len(every)} | {*every[-3:]}
        )
        plans: list[tuple[int | None, float | None]] = [(n, None) for n in spread]
        plans += [(None, draw.uniform(0, took)) for _ in range(at_random)]
        for number, (at, after) in enumerate(plans):
            work = _copy(before)
            fork(work, command.run, at, after)
            state = _state(work / command.kept, old, command)
            outcome.states[state] += 1
            when = f"change {at} of {outcome.changes}" if after is None else f"{after:.2f} s"
            if state == "neither":
                outcome.faults.append(f"{when}: {_differs(work / command.kept, old)}")
            if number % follow == 0:
                code, _ = fork(work, command.again, None)
                left = leftovers(work)
                if code or left or not command.whole(work / command.kept):
                    outcome.faults.append(f"{when}: the next run gave {code} and left {left}")
    outcome.seconds = time.monotonic() - begun
    return outcome


def _copy(before: Path) -> Path:
    work = before.with_name("work")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(before, work)
    return work


def _state(kept: Path, old: Files, command: Command) -> str:
    if files_of(kept) == old:
        return "old"
    if command.state is not None and command.whole(kept):
        return command.state(kept, old)
    return "new" if command.whole(kept) else "neither"


def _differs(kept: Path, old: Files) -> str:
    now = files_of(kept)
    lost = sorted(old.keys() - now.keys())
    changed = sorted(path for path in now if now[path] != old.get(path))
    return f"{len(lost)} lost {lost[:3]}, {len(changed)} changed {changed[:4]}"


def leftovers(folder: Path) -> list[str]:
    """What a run works in and clears away."""
    found = [p for p in folder.rglob(".*") if p.name not in (".nojekyll", ".edge-deploy-push.json")]
    return sorted(p.relative_to(folder).as_posix() for p in found)


def built_corpus(given: Path | None, folder: Path) -> Path:
    """A corpus that is there, or one built in a fork: it leaves TensorFlow with threads."""
    if given is not None:
        return given
    corpus = folder / "corpus"
    if (pid := os.fork()) == 0:
        from tests.fuzz.corpus import build

        build(corpus)
        os._exit(0)
    os.waitpid(pid, 0)
    return corpus


def main() -> int:
    """Run, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=60)
    parser.add_argument("--follow", type=int, default=1, help="run again after each so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", action="append")
    parser.add_argument("--corpus", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        corpus = built_corpus(given.corpus, Path(folder))
        chosen = {
            n: c for n, c in commands(corpus).items() if not given.command or n in given.command
        }
        if any(name.startswith(HEAVY) for name in chosen):
            import tensorflow  # noqa: F401
            import tf2onnx  # noqa: F401
        faults = 0
        for name, command in chosen.items():
            outcome = kill(command, given.moments, given.seed, given.follow)
            faults += len(outcome.faults)
            states = ", ".join(f"{n} {state}" for state, n in sorted(outcome.states.items()))
            print(
                f"{name}: {sum(outcome.states.values())} moments ({outcome.changes} changes): "
                f"{states}; {len(outcome.faults)} faults; {outcome.seconds:.0f} s",
                flush=True,
            )
            for line in outcome.faults[:12]:
                print(f"  {line}", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
