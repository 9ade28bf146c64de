"""The house rules as tests: directions of import, who may touch what, sizes, documentation, light import."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "soundvcm"
FACTORY = ROOT / "tiny"
FILES = sorted(SOURCE.rglob("*.py"))
LAYERS = {
    0: ("errors", "ground", "timeline", "records"),
    1: ("config", "weights", "runtime", "clusters"),
    2: ("media", "encoders", "network", "objectives", "sampler", "codec", "reference"),
    3: ("generate",),
    4: ("systems",),
    5: ("data",),
    6: ("training", "evaluation"),
    7: ("cli", "web"),
    8: ("__main__",),
}
LAYER_OF = {part: layer for layer, parts in LAYERS.items() for part in parts}
SIBLINGS_MAY_MEET = {0, 1}


def part_of(path: Path) -> str:
    """First name below soundvcm: the stage a file belongs to."""
    first = path.relative_to(SOURCE).parts[0]
    return first.removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> list[tuple[str, int]]:
    """Every module a file imports, anywhere in it, with the line."""
    found = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(name, node.lineno) for name in (names if node.module == "soundvcm" else [node.module])]
    return found


def ours(path: Path) -> list[tuple[str, int]]:
    return [(name, line) for name, line in imports(path) if name.split(".")[0] == "soundvcm"]


def test_every_part_has_a_layer() -> None:
    parts = {part_of(path) for path in FILES} - {"__init__"}
    assert parts <= set(LAYER_OF), f"give these a layer: {sorted(parts - set(LAYER_OF))}"


def test_imports_point_down_and_siblings_do_not_meet() -> None:
    for path in FILES:
        if part_of(path) != "__init__":
            check_directions(path)


def check_directions(path: Path) -> None:
    part = part_of(path)
    for name, line in ours(path):
        pieces = name.split(".")
        if len(pieces) < 2 or pieces[1] == "__version__" or pieces[1] == part:
            continue
        target = pieces[1]
        assert target in LAYER_OF, f"{path.name}:{line} imports {name}, which has no layer"
        here, there = LAYER_OF[part], LAYER_OF[target]
        assert there <= here, f"{path.name}:{line}: layer {here} ({part}) imports up to {target} ({there})"
        if there == here:
            fine = here in SIBLINGS_MAY_MEET or (part, target) == ("cli", "web")  # `soundvcm serve` opens it
            assert fine, f"{path.name}:{line}: {part} and {target} are siblings"


def test_no_cycles_between_files() -> None:
    graph: dict[str, set[str]] = {}
    names = {
        "soundvcm." + ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in FILES
    }
    for name, path in names.items():
        tree = tree_of(path)
        # Also inside functions and for types only: a circle is a circle.
        top = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
        graph[name] = set()
        for node in top:
            # "from package import module" needs the module, not the names of the package's front door.
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            graph[name] |= inner & set(names)
            if node.module in names and node.module != name and not inner <= set(names):
                graph[name].add(str(node.module))
        if names[name].name == "__init__.py":  # a front door looks into its own folder, lazily
            graph[name] = {other for other in graph[name] if not other.startswith(name)}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"import cycle: {' -> '.join((*above, name))}"
        if name not in done:
            for other in graph[name]:
                visit(other, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_the_factory_of_tiny_imports_the_package_and_never_the_reverse() -> None:
    """The wheel carries no code that needs a checkout; inside `tiny` only its commands know commands."""
    assert [str(path) for path in FILES for name, _ in imports(path) if name.split(".")[0] == "tiny"] == []
    doors = {FACTORY / "__main__.py", FACTORY / "drawing.py"}
    knowing = {
        path for path in FACTORY.rglob("*.py") for name, _ in ours(path) if name.split(".")[1:2] == ["cli"]
    }
    assert knowing <= doors
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["src/soundvcm"]


def outside(name: str, module: str) -> list[str]:
    """Files that import `module` though only the part `name` may."""
    allowed = SOURCE / name
    return [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in FILES
        for imported, line in imports(path)
        if (imported == module or imported.startswith(module + "."))
        and allowed not in path.parents
        and path not in (allowed, allowed.with_suffix(".py"))
    ]


def test_only_media_imports_av() -> None:
    assert outside("media", "av") == []


def test_only_distributed_touches_torch_distributed() -> None:
    assert outside("training/distributed", "torch.distributed") == []


def test_only_clusters_knows_ray() -> None:
    assert outside("clusters", "ray") == []


def test_only_weights_opens_a_socket() -> None:
    for module in ("socket", "urllib.request", "http.client", "requests", "httpx", "huggingface_hub"):
        assert outside("weights", module) == [], module


def test_only_the_command_line_prints() -> None:
    calls = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in FILES
        if part_of(path) != "cli"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert calls == []


def test_only_runtime_asks_for_devices_and_threads() -> None:
    pattern = re.compile(r"\.cuda\(|cuda\.is_available|set_num_threads|mps\.is_available|autocast\(\"cuda\"")
    hits = [
        str(path.name) for path in FILES if part_of(path) != "runtime" and pattern.search(path.read_text())
    ]
    assert hits == []


def test_float64_stays_out_of_what_runs_on_mps() -> None:
    """Case 29: MPS has no float64; tables may be computed in it on the CPU, networks never."""
    for name in ("generate/pipeline.py", "sampler.py"):
        assert "float64" not in (SOURCE / name).read_text() and ".double()" not in (SOURCE / name).read_text()


def test_size_name_and_documentation() -> None:
    for path in FILES:
        check_form(path)


def check_form(path: Path) -> None:
    here, tree = path.relative_to(SOURCE), tree_of(path)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 340, f"{here} has grown: one idea or two?"
    assert path.stem not in ("utils", "util", "helpers", "common", "misc"), f"{here}: say what it is"
    assert ast.get_docstring(tree), f"{here}: every module says what it is and what it does not know"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 90, f"{here}: {node.name} has {length} lines"
            wanted = [a for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            bare = [a.arg for a in wanted if a.annotation is None and a.arg not in ("self", "cls")]
            assert not bare, f"{here}: {node.name}: parameters without a type: {bare}"


def test_names_that_only_their_file_uses_are_private() -> None:
    """A public function or class is one that another file uses, were it a test; FastAPI finds its routes."""
    folders = ("src", "tests", "tiny", "benchmarks", "examples", "integrations", "scripts")
    users: dict[str, set[Path]] = {}
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for word in set(re.findall(r"[A-Za-z]\w*", path.read_text(encoding="utf-8"))):
            users.setdefault(word, set()).add(path)
    alone = [
        f"{path.relative_to(SOURCE)}: {node.name}"
        for path in FILES
        for node in tree_of(path).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
        if users[node.name] <= {path} and not any("router" in ast.unparse(one) for one in node.decorator_list)
    ]
    assert alone == []


def test_nothing_happens_at_import() -> None:
    """No environment reads, folders, threads or logging set-up at module level."""
    for path in FILES:
        check_import_does_nothing(path)


def check_import_does_nothing(path: Path) -> None:
    forbidden = ("os.environ", "os.getenv", "mkdir(", "Thread(", "basicConfig", "manual_seed(")
    for node in tree_of(path).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
            continue
        if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
            continue
        code = ast.unparse(node)
        assert not any(word in code for word in forbidden), f"{path.name}:{node.lineno}: {code[:80]}"


@pytest.mark.parametrize("words", [["-c", "import soundvcm"], ["-m", "soundvcm.cli.main", "--help"]])
def test_import_and_help_are_light(words: list[str]) -> None:
    """Case 31: neither torch nor av nor numpy is loaded, well under a second."""
    if words[0] == "-c":
        code = f"import sys\n{words[1]}\n"
    else:
        code = "import sys, runpy\nsys.argv = ['soundvcm', '--help']\n"
        code += "try:\n    runpy.run_module('soundvcm.cli.main', run_name='__main__')\n"
        code += "except SystemExit:\n    pass\n"
    code += "print('LOADED', [m for m in ('torch', 'av', 'numpy') if m in sys.modules])"
    before = os.times()
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "LOADED []" in out
    after = os.times()  # CPU seconds of the child: a busy machine makes no import slow
    assert after.children_user + after.children_system - before.children_user - before.children_system < 3.0


def test_no_machine_paths_or_registry_hosts_are_committed() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    pattern = re.compile(
        r"(/work/|/farm/|/opt/wheels|/opt/pypi|/root/)" + "|pypi" + r"\.org|python" + r"hosted\.org"
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if (
            path.suffix in (".py", ".md", ".toml", ".txt", ".sh", "")
            and path.is_file()
            and path != Path(__file__)
        ):
            found = pattern.search(path.read_text(encoding="utf-8", errors="ignore"))
            assert not found, f"{name}: {found.group(0) if found else ''}"


def test_versions_agree() -> None:
    import soundvcm

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == soundvcm.__version__
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## [{soundvcm.__version__}]" in changelog


def test_torch_is_pinned_by_ci_only() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert '"torch>=2.6,<3"' in text and not re.search(r'"[\w-]+==', text)


def test_front_doors_know_every_name_they_list() -> None:
    """A lazy front door reads its own lines; each name must stand on one that it understands, and exist."""
    from importlib import import_module

    for path in SOURCE.rglob("__init__.py"):
        if "front_door(" not in path.read_text(encoding="utf-8"):
            continue
        package = import_module(".".join(path.parent.relative_to(SOURCE.parent).parts))
        blocks = [node for node in tree_of(path).body if isinstance(node, ast.If)]
        listed = {
            alias.asname or alias.name
            for block in blocks
            for line in block.body
            if isinstance(line, ast.ImportFrom)
            for alias in line.names
        }
        assert listed <= set(dir(package)), package.__name__
        for name in listed:
            getattr(package, name)
