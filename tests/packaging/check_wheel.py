"""Build the wheel (by way of the source distribution), install it into an empty environment, use it there.

Nothing of the checkout is in reach of that environment: an editable install would hide missing files.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {"featurestore", "featurestore_connectors", "featurestore_registry"}
# Runs in the empty environment: every adapter that an entry point promises can be loaded, or says what is missing.
USE = """
import importlib.metadata, pathlib, sys
import featurestore, featurestore_connectors, featurestore_registry
for package in (featurestore, featurestore_connectors, featurestore_registry):
    assert pathlib.Path(package.__file__).is_relative_to(sys.prefix), package.__file__
assert importlib.metadata.version("featurestore") == featurestore.__version__
for name in featurestore.__all__:
    getattr(featurestore, name)
from featurestore.adapters import open_engine
from featurestore.errors import MissingDependencyError
groups = ("online_stores", "offline_engines", "registries", "sources", "source_readers")
adapters = [e for g in groups for e in importlib.metadata.entry_points(group="featurestore." + g)]
names = ("postgres", "snowflake")
extras = [e for e in adapters if e.value.startswith(tuple("featurestore_connectors." + name for name in names))]
assert len(extras) >= 2 * len(names)
for entry_point in adapters:
    if entry_point not in extras:
        entry_point.load()
for name in names:
    try:
        open_engine(name)
    except MissingDependencyError as error:
        assert f"pip install 'featurestore[{name}]'" in str(error), error
    else:
        raise AssertionError(f"the engine {name} was opened without its driver")
store = featurestore.FeatureStore(registry="sqlite:///registry.db", online="sqlite:///online.db", project="p")
store.apply([featurestore.Entity("plane", join_keys={"tailnum": featurestore.String})])
store.close()
print(f"imported {featurestore.__version__}, loaded {len(adapters) - len(extras)} adapters, applied a definition")
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="featurestore-wheel-") as folder:
        wheel = build(Path(folder) / "dist")
        check_contents(wheel)
        use(wheel, Path(folder) / "environment", Path(folder) / "elsewhere")


def build(target: Path) -> Path:
    run([sys.executable, "-m", "build", "--outdir", str(target), str(ROOT)], cwd=ROOT, quiet=True)
    (wheel,) = target.glob("*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    metadata = {name for name in names if ".dist-info/" in name}
    roots = {name.partition("/")[0] for name in names - metadata}
    assert roots == PACKAGES, f"the wheel holds {sorted(roots)}, expected {sorted(PACKAGES)}"
    wanted = shipped()
    assert names - metadata == wanted, f"differs from the checkout: {sorted((names - metadata) ^ wanted)}"
    assert any(name.endswith("/licenses/LICENSE") for name in metadata), sorted(metadata)
    print(f"{wheel.name}: {len(names)} files")


def shipped() -> set[str]:
    """What has to be in the wheel: every file of the three packages but caches."""
    folders = (ROOT / "featurestore", ROOT / "connectors", ROOT / "registry")
    return {
        str(path.relative_to(ROOT if folder.name == "featurestore" else folder))
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def use(wheel: Path, environment: Path, elsewhere: Path) -> None:
    venv.create(environment, with_pip=True)
    elsewhere.mkdir()
    binaries = environment / "bin"
    run(
        [f"{binaries}/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)],
        elsewhere,
    )
    run([f"{binaries}/python", "-I", "-c", USE], cwd=elsewhere)
    run([f"{binaries}/featurestore", "--help"], cwd=elsewhere)


def run(command: list[str], cwd: Path, *, quiet: bool = False) -> None:
    print("$", " ".join(command if len(command[-1]) < 200 else [*command[:-1], "…"]), flush=True)
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE if quiet else None, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{done.stdout or ''}failed with code {done.returncode}")


if __name__ == "__main__":
    main()
