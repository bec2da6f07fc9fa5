"""Who may import whom: imports run downward only, and the table below says what downward is.

A module that has no row in the table fails; write it down before it is merged.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import cnncompress

PACKAGE = Path(cnncompress.__file__).parent

# Part -> the parts of cnncompress that it may import. A part is a module, or a sub-package without those of its modules
# that have a row of their own. Inside a part modules may import each other, but not in a circle. The package's own
# __init__ is lazy and may name everything.
MAY_IMPORT = {
    "__main__": {"cli"},
    "cli": {
        "__init__", "batch", "bitstream", "codec", "cpu_count", "engines.choice", "engines.names", "errors",
        "evaluation", "files", "images", "model", "probe", "remote", "report", "training", "units",
    },
    "batch": {
        "bitstream", "codec", "cpu_count", "errors", "files", "images", "model", "remote", "units",
    },
    "ray": {"batch", "codec", "errors", "units"},
    "webdataset": {"api", "batch", "codec", "remote", "units"},
    "pillow": {"api", "bitstream", "codec", "errors", "images"},
    "report": {"codec", "cpu_count", "evaluation", "images", "units"},
    "evaluation": {"__init__", "codec", "cpu_count", "errors", "files", "images", "named_errors", "units"},
    "api": {"bitstream", "codec", "engines.names", "errors", "files", "images", "named_errors", "units"},
    "training": {
        "codec", "engines.torch", "engines.torch_devices", "entropy", "errors", "files", "images", "model",
        "model.weights", "nn", "units",
    },
    "codec": {
        "bitstream", "engines", "engines.choice", "engines.names", "entropy", "errors", "files", "forking", "images",
        "model", "model.weights", "units",
    },
    "probe": {"bitstream", "errors", "files", "images", "model", "named_errors", "units"},
    "engines.choice": {
        "cpu_count", "engines", "engines.names", "engines.torch", "engines.torch_devices", "errors", "nn",
    },
    "engines.torch": {"engines", "engines.names", "engines.torch_devices", "model", "nn", "units"},
    "engines.torch_devices": {"engines", "errors"},
    "engines": {"entropy", "errors", "model", "model.network_arrays", "units"},
    "engines.names": set(),
    "nn": {"entropy", "model", "model.weights"},
    "model.weights": {"entropy", "errors", "model", "model.network_arrays"},
    "model.network_arrays": {"entropy", "model"},
    "entropy": {"errors", "model", "units"},
    "model": {"errors", "files"},
    "images": {"bitstream", "errors", "files", "remote", "units"},
    "bitstream": {"errors", "units"},
    "files": {"errors", "remote", "units"},
    "named_errors": {"errors", "remote"},
    "remote": {"errors", "units"},
    "cpu_count": set(),
    "forking": set(),
    "units": set(),
    "errors": set(),
}  # fmt: skip

# Outside packages that only some parts may import at all ...
ONLY_IN = {
    "click": {"cli"},
    "constriction": {"entropy"},
    "fsspec": {"remote"},
    "matplotlib": {"evaluation"},
    "ncnn": {"engines"},
    "ray": {"batch"},
    "scipy": {"evaluation"},
    "torchvision": {"training"},
}
# ... and the modules and sub-packages that load torch; all others must load without it.
LOADS_TORCH = (
    "engines.torch", "engines.torch_devices", "nn", "training",
)  # fmt: skip

MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
)


def part_of(module: str) -> str:
    """The row of the table that a module belongs to: "nn.blocks" -> "nn", but "model.weights" as it is."""
    return module if module in MAY_IMPORT else module.split(".")[0]


def loads_torch(module: str) -> bool:
    """Whether a module, or a sub-package that it is in, may load torch."""
    return any(module == name or module.startswith(f"{name}.") for name in LOADS_TORCH)


def imports(module: str, *, top_level_only: bool = False) -> set[str]:
    """Full names of what a module imports, except for type checkers."""
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending.extend(node.orelse)
            continue
        if top_level_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            found.update(_names_of(node))
        pending.extend(ast.iter_child_nodes(node))
    return found


def _names_of(node: ast.ImportFrom) -> set[str]:
    """`from package import module` means the module, `from module import name` means the module too."""
    source = str(node.module)
    if source.split(".")[0] != "cnncompress":
        return {source}
    relative = source.split(".")[1:]
    if not PACKAGE.joinpath(*relative).is_dir():
        return {source}
    folder = PACKAGE.joinpath(*relative)
    names = (alias.name for alias in node.names)
    return {
        f"{source}.{name}" if (folder / name).is_dir() or (folder / f"{name}.py").exists() else f"{source}.__init__"
        for name in names
    }


def imports_inside(module: str, *, top_level_only: bool = False) -> set[str]:
    """The same of cnncompress alone, as names of its modules."""
    found = imports(module, top_level_only=top_level_only)
    return {name.removeprefix("cnncompress.") for name in found if name.split(".")[0] == "cnncompress"}


def in_circles(below: Mapping[str, set[str]]) -> set[str]:
    """What imports itself in the end, or imports something that does."""
    settled = {"__init__"}
    while ready := {name for name, used in below.items() if name not in settled and used <= settled}:
        settled |= ready
    return set(below) - settled


def test_every_part_is_in_the_table() -> None:
    assert {part_of(module) for module in MODULES} - set(MAY_IMPORT) == set(), "modules without a rule"
    named = set(MAY_IMPORT) | {"__init__"}
    assert set().union(*MAY_IMPORT.values()) <= named


def test_imports_run_downward() -> None:
    upward = {
        (module, name)
        for module in MODULES
        for name in imports_inside(module)
        if part_of(name) not in MAY_IMPORT[part_of(module)] | {part_of(module)}
    }
    assert upward == set()


def test_no_permission_is_unused() -> None:
    used: dict[str, set[str]] = {part: set() for part in MAY_IMPORT}
    for module in MODULES:
        used[part_of(module)] |= {part_of(name) for name in imports_inside(module)}
    assert {part: parts - used[part] for part, parts in MAY_IMPORT.items() if parts - used[part]} == {}


def test_outside_packages() -> None:
    misplaced = {
        (module, name)
        for module in MODULES
        for name in (full.split(".")[0] for full in imports(module))
        if part_of(module) not in ONLY_IN.get(name, {part_of(module)})
    }
    assert misplaced == set()


def test_parts_without_torch() -> None:
    loading = {
        (module, name)
        for module in MODULES
        if not loads_torch(module)
        for name in imports(module, top_level_only=True)
        if name.split(".")[0] == "torch" or loads_torch(name.removeprefix("cnncompress."))
    }
    assert loading == set()


def test_table_has_no_circle() -> None:
    assert in_circles(MAY_IMPORT) == set()


def test_modules_have_no_circle() -> None:
    assert in_circles({module: imports_inside(module) for module in MODULES}) == set()


def test_sub_packages_are_empty() -> None:
    for path in PACKAGE.rglob("*/__init__.py"):
        if path.parent != PACKAGE:
            assert ast.parse(path.read_text(encoding="utf-8")).body == [], path
