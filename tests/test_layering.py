"""Who may import whom: imports run downward only, and the tables below say what downward is.

A module that no table has fails; write it down before it is merged.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cnncompress

PACKAGE = Path(cnncompress.__file__).parent

# Module or sub-package -> the modules or sub-packages of cnncompress that it may import. Inside a sub-package
# modules may import each other, except in codec, which lists each of its modules. The package's own __init__
# is lazy and may name everything.
MAY_IMPORT = {
    "__main__": {"cli"},
    "cli": {
        "__init__",
        "amounts",
        "api",
        "batch",
        "codec.container",
        "codec.effort",
        "codec.progress",
        "codec.tiles",
        "devices",
        "errors",
        "facts",
        "files",
        "formats",
        "images",
        "manifest",
        "targets",
        "training",
    },
    "batch": {
        "assembly",
        "codec.ancillary",
        "codec.container",
        "codec.progress",
        "codec.salvage",
        "codec.streams",
        "errors",
        "files",
        "formats",
        "images",
        "loaded",
        "targets",
        "typical",
    },
    "pillow": {
        "api",
        "assembly",
        "codec.ancillary",
        "codec.container",
        "codec.salvage",
        "codec.streams",
        "errors",
        "images",
        "loaded",
    },
    "loaded": {
        "api",
        "assembly",
        "codec.container",
        "codec.progress",
        "codec.salvage",
        "images",
        "manifest",
    },
    "api": {
        "assembly",
        "codec.ancillary",
        "codec.container",
        "codec.effort",
        "codec.progress",
        "coding",
        "files",
        "images",
        "manifest",
        "targets",
    },
    "coding": {
        "assembly",
        "codec.ancillary",
        "codec.container",
        "codec.effort",
        "codec.entropy",
        "codec.latents",
        "codec.pipeline",
        "codec.progress",
        "codec.refinement.search",
        "codec.salvage",
        "codec.shared_analysis",
        "codec.tables",
        "codec.tile_decoder",
        "codec.tile_encoder",
        "codec.tiles",
        "devices",
        "errors",
        "files",
        "images",
        "manifest",
        "memory",
        "targeting",
        "targets",
        "weights",
    },
    "targeting": {"errors", "images", "quality_search", "targets", "typical"},
    "targets": set(),
    "typical": set(),
    "quality_search": set(),
    "assembly": {
        "codec.ancillary",
        "codec.container",
        "codec.salvage",
        "codec.tiles",
        "errors",
        "files",
        "formats",
        "images",
        "memory",
    },
    "memory": {"codec.container", "codec.tiles", "images"},
    "devices": {"errors"},
    "facts": {"codec.ancillary", "codec.container", "errors", "files", "formats", "manifest"},
    "images": {"amounts", "codec.ancillary", "codec.container", "codec.tiles", "errors", "files", "formats"},
    "amounts": set(),
    "formats": set(),
    "files": {"errors"},
    "weights": {"codec.tables", "errors", "manifest", "nn", "ops"},
    "manifest": {"errors", "files"},
    "codec.ancillary": {"codec.container", "errors"},
    "codec.chunks": set(),
    "codec.container": {"codec.chunks", "codec.header", "codec.tiles", "errors"},
    "codec.header": {"codec.chunks", "codec.tiles", "errors"},
    "codec.effort": set(),
    "codec.entropy": {"codec.tables", "errors"},
    "codec.latents": {"codec.scale_walk", "nn", "ops", "errors"},
    "codec.scale_walk": {"nn"},
    "codec.streams": {"codec.container", "errors"},
    "codec.progress": set(),
    "codec.refinement.cost": {"codec.tables"},
    "codec.refinement.gradient": {"codec.latents", "nn"},
    "codec.refinement.search": {
        "codec.effort",
        "codec.pipeline",
        "codec.progress",
        "codec.refinement.cost",
        "codec.refinement.gradient",
        "codec.refinement.steps",
        "codec.tables",
        "codec.tile_encoder",
        "nn",
    },
    "codec.refinement.steps": {
        "codec.effort",
        "codec.latents",
        "codec.refinement.cost",
        "codec.refinement.gradient",
    },
    "codec.salvage": {"codec.chunks", "codec.container"},
    "codec.shared_analysis": {"codec.latents", "codec.pipeline", "codec.tile_encoder", "codec.tiles"},
    "codec.tile_decoder": {"codec.pipeline", "codec.progress", "codec.tiles", "codec.windows", "errors", "nn"},
    "codec.tile_encoder": {"codec.latents", "codec.pipeline", "codec.progress", "codec.tiles", "codec.windows", "nn"},
    "codec.tiles": set(),
    "codec.windows": {"codec.tiles", "nn"},
    "codec.pipeline": {
        "codec.container",
        "codec.entropy",
        "codec.latents",
        "codec.tables",
        "errors",
        "nn",
        "ops",
    },
    "codec.tables": {"errors", "nn"},
    "nn": {"ops"},
    "ops": set(),
    "training": {
        "api",
        "codec.latents",
        "codec.tables",
        "devices",
        "errors",
        "files",
        "manifest",
        "nn",
        "ops",
        "weights",
    },
    "evaluation": {"__init__", "api", "errors", "files", "images"},
    "errors": set(),
}

# Outside packages that only some parts may import at all ...
ONLY_IN = {
    "click": {"cli"},
    "constriction": {"codec.entropy"},
    "matplotlib": {"evaluation"},
    "scipy": {"evaluation"},
    "torchvision": {"training"},
}
# ... and parts that must load without torch.
WITHOUT_TORCH = {
    "__init__", "__main__", "amounts", "api", "assembly", "batch", "cli", "codec.ancillary", "codec.chunks",
    "codec.container", "codec.effort", "codec.header", "codec.progress", "codec.salvage", "codec.streams",
    "codec.tiles", "coding", "errors", "facts", "files", "formats", "images", "loaded", "manifest", "memory",
    "pillow", "quality_search", "targeting", "targets", "typical",
}  # fmt: skip

MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
)


def part_of(module: str) -> str:
    """The entry of the tables that a module belongs to: "nn.blocks" -> "nn", but "codec.tables" as it is."""
    return module if module.startswith("codec.") else module.split(".")[0]


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


def test_every_part_is_in_the_table() -> None:
    assert {part_of(module) for module in MODULES} - set(MAY_IMPORT) == set(), "modules without a rule"
    named = set(MAY_IMPORT) | {"__init__"}
    assert set().union(*MAY_IMPORT.values()) <= named


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downward(module: str) -> None:
    part = part_of(module)
    allowed = MAY_IMPORT[part] | ({part} if "." not in part else set())
    inside = {name.removeprefix("cnncompress.") for name in imports(module) if name.split(".")[0] == "cnncompress"}
    assert {part_of(name) for name in inside} - allowed == set()


@pytest.mark.parametrize("module", MODULES)
def test_outside_packages(module: str) -> None:
    outside = {name.split(".")[0] for name in imports(module)}
    assert {name for name in outside if part_of(module) not in ONLY_IN.get(name, {part_of(module)})} == set()


@pytest.mark.parametrize("module", [module for module in MODULES if part_of(module) in WITHOUT_TORCH])
def test_parts_without_torch(module: str) -> None:
    loaded = imports(module, top_level_only=True)
    assert "torch" not in {name.split(".")[0] for name in loaded}
    inside = {part_of(name.removeprefix("cnncompress.")) for name in loaded if name.startswith("cnncompress.")}
    assert inside <= WITHOUT_TORCH


def test_tables_have_no_cycles() -> None:
    settled: set[str] = {"__init__"}
    while ready := {part for part, below in MAY_IMPORT.items() if part not in settled and below <= settled}:
        settled |= ready
    assert set(MAY_IMPORT) - settled == set()


def test_sub_packages_are_empty() -> None:
    for path in PACKAGE.rglob("*/__init__.py"):
        if path.parent != PACKAGE:
            assert ast.parse(path.read_text(encoding="utf-8")).body == [], path
