"""The image, built without a container engine: what the Dockerfile says is done below a folder of our own.

COPY copies what .dockerignore leaves, RUN runs in a shell, and every path below /app is one below the folder. A fresh
virtual environment stands for the base image's Python, and the file system of the host for the rest of it.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.deployment.dockerfile import Instruction, Stage, read
from tests.deployment.programs import ROOT

_RUN_SECONDS = 300.0
_APP = "/app"


@dataclass(frozen=True, slots=True)
class Image:
    """What was built.

    Attributes:
        folder: What stands for the root of the image.
        stage: The last stage of the Dockerfile.
    """

    folder: Path
    stage: Stage

    def words(self, words: list[str]) -> list[str]:
        """A command of the image, with the paths that it has here."""
        return [_placed(one, self.folder) for one in words]

    def environment(self, home: Path) -> dict[str, str]:
        """What processes of the image find; nothing of ours gets in."""
        told = {name: _placed(value, self.folder) for name, value in self.stage.environment.items()}
        path = told["PATH"].replace("$PATH", os.defpath)
        return {**told, "PATH": path, "HOME": str(home), "TMPDIR": str(home)}


def build(folder: Path) -> Image:
    """Do what the Dockerfile says.

    Args:
        folder: An empty one, where the image comes into being.
    """
    python = folder / "base"
    subprocess.run([_python(), "-m", "venv", python], check=True, timeout=_RUN_SECONDS)  # noqa: S603  # an interpreter
    first, last = read(ROOT / "Dockerfile")
    built = folder / "built"
    _do(first, folder, python, built)
    # Aside: the last stage begins with nothing, and at the same place, as paths of it stand in scripts.
    (folder / "app").rename(built)
    _do(last, folder, python, built)
    return Image(folder, last)


def _python() -> str:
    """That of the base image, if this machine has it; the wheels are chosen for it."""
    version = read(ROOT / "Dockerfile")[0].base.removeprefix("python:").partition("-")[0]
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in (f"python{version}", *sorted(map(str, versions.glob(f"{version}.*/bin/python")))):
        try:
            # A shim may stand on the path for a version that is switched off, so each has to run.
            subprocess.run([candidate, "-c", ""], check=True, capture_output=True, timeout=_RUN_SECONDS)  # noqa: S603
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    return sys.executable


def _do(stage: Stage, folder: Path, python: Path, built: Path) -> None:
    here = folder
    environment = {**os.environ, "PATH": f"{python / 'bin'}:{os.environ['PATH']}"}
    for name in ("VIRTUAL_ENV", "PYTHONPATH", "UV_NO_SYNC", "UV_PROJECT_ENVIRONMENT"):
        environment.pop(name, None)
    for one in stage.instructions:
        if one.name == "WORKDIR":
            here = Path(_placed(one.text, folder))
            here.mkdir(parents=True, exist_ok=True)
        elif one.name == "ENV" and stage.name:
            environment |= dict(word.split("=", 1) for word in one.words)
        elif one.name == "RUN":
            _run(_placed(one.text, folder), here, environment)
        elif one.name == "COPY":
            _copy(one, here, built)


def _run(command: str, here: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603  # our own Dockerfile
        ["/bin/sh", "-c", command],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def _copy(one: Instruction, here: Path, built: Path) -> None:
    *sources, target = one.words
    from_stage = dict(one.flags).get("from")
    for source in sources:
        origin = Path(_placed(source, built).replace(f"{built}{_APP}", str(built))) if from_stage else ROOT / source
        kept = origin if from_stage else _of_context(source)
        destination = here / target if not target.endswith("/") else here / target / Path(source).name
        if kept.is_dir():
            ignored = None if from_stage else _ignored
            shutil.copytree(kept, destination, symlinks=True, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy2(kept, destination)


def _of_context(source: str) -> Path:
    assert f"!{source}" in _patterns() or any(
        source.startswith(f"{one[1:]}/") for one in _patterns() if one[0] == "!"
    ), f"{source} is not in the build's context: .dockerignore leaves it out"
    return ROOT / source


def _patterns() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _ignored(_: str, names: list[str]) -> set[str]:
    patterns = [one.removeprefix("**/") for one in _patterns() if one.startswith("**/")]
    return {name for name in names if any(fnmatch.fnmatch(name, one) for one in patterns)}


def _placed(text: str, folder: Path) -> str:
    """A text with the image's paths below the folder."""
    return " ".join(
        f"{folder}{word}" if word.startswith(_APP) else word.replace(f":{_APP}", f":{folder}{_APP}")
        for word in text.split(" ")
    )
