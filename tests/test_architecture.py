"""Each room imports only rooms below it, no module imports in a circle, and tests mirror the sources."""

import ast
import re
from pathlib import Path

import pytest

import handgrad

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("handgrad", "oracle")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imports(path):
    """Return the modules that a module imports, at the top or within functions; not what only type checkers see."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def rooms(package):
    """Return the rooms of a package in the picture, from the top."""
    left, right = zip(
        *(re.fullmatch(r"(.{0,45})(.*)", line).groups() for line in PAGE.split("```")[1].split("\n")[3:-1])
    )
    return [line.split()[0] for line in (left if package == "handgrad" else right) if line.strip()]


@pytest.mark.parametrize("package", ["handgrad", "oracle"])
def test_the_picture_has_every_room(package):
    here = {p.stem for p in (ROOT / package).iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}

    assert sorted(rooms(package)) == sorted(here - {"__init__", "__main__", "pytest_plugin"})


@pytest.mark.parametrize("package", ["handgrad", "oracle"])
def test_a_room_imports_only_rooms_below(package):
    height = {room: -i for i, room in enumerate(rooms(package))}

    upward = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        if module.startswith(f"{package}.") and module.split(".")[1] in height
        for name in imports(path)
        if name.startswith(f"{package}.") and height.get(name.split(".")[1], 1) > height[module.split(".")[1]]
    ]
    assert upward == []


def test_no_modules_import_in_a_circle():
    left = {module: {name for name in imports(path) if name in MODULES} - {module} for module, path in MODULES.items()}
    while free := {module for module, names in left.items() if not names & left.keys()}:
        left = {module: names for module, names in left.items() if module not in free}

    assert left == {}


def test_handgrad_never_imports_oracle_nor_its_libraries():
    for module, path in MODULES.items():
        if module.startswith("handgrad"):
            assert not {name.split(".")[0] for name in imports(path)} & {"oracle", "hypothesis", "mpmath"}, module


@pytest.mark.parametrize("module", [m for m, path in MODULES.items() if path.stem not in ("__init__", "__main__")])
def test_every_module_has_its_tests(module):
    *folders, name = module.split(".")
    of_every = {  # a new rule or network is tested by the properties of all
        *(rule.__module__ for rule in handgrad.RULES.values()),
        *(network.__name__ for network in handgrad.NETWORKS.values()),
    }
    is_reference = folders in (["oracle", "reference", "rules"], ["oracle", "reference", "networks"])

    assert module in of_every or is_reference or (ROOT / "tests" / Path(*folders) / f"test_{name}.py").exists()


def test_every_test_has_its_module():
    spanning = {"test_every_rule", "test_every_network", "test_malformed_files", "test_lazy_imports", "test_registry"}
    for package in ("handgrad", "oracle"):
        for path in (ROOT / "tests" / package).rglob("test_*.py"):
            module = ".".join([*path.relative_to(ROOT / "tests").parts[:-1], path.stem.removeprefix("test_")])
            assert path.stem in spanning | {"test_main"} or module in MODULES, path


def test_the_page_is_short_and_names_what_is_there():
    paths = re.findall(r"`((?:handgrad|oracle|tests|docs)/[\w/]+(?:\.\w+)?)`", PAGE)

    assert len(PAGE.splitlines()) <= 80
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []
