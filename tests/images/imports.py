"""What a step's code imports, wherever it says so: the distributions that its image has to hold."""

import ast
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OURS = {"components": ROOT, "serinus": ROOT / "operator" / "src"}


def distributions(module: str) -> dict[frozenset[str], set[str]]:
    """What `module`, and all of ours that it imports, need of others, with the modules that import it.

    Each is the set of distributions of which any one would do, as mlflow and mlflow-skinny.
    """
    known = packages_distributions()
    todo, seen, found = [module], set[str](), dict[frozenset[str], set[str]]()
    while todo:
        importing = todo.pop()
        if importing in seen:
            continue
        seen.add(importing)
        for name in _imports(importing):
            package = name.partition(".")[0]
            if package in OURS:
                todo.append(name)
            elif package not in sys.stdlib_module_names:
                any_of = frozenset(canonicalize_name(one) for one in known[package])
                found.setdefault(any_of, set()).add(importing)
    return found


def _imports(module: str) -> Iterator[str]:
    """Also those inside functions. A name that is imported from a module may be a module itself."""
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module.partition(".")[0] in OURS)


def _source(module: str) -> str:
    file = OURS[module.partition(".")[0]] / module.replace(".", "/")
    return next((one.read_text(encoding="utf-8") for one in _files(file) if one.is_file()), "")


def _files(file: Path) -> Iterable[Path]:
    return file.with_suffix(".py"), file / "__init__.py"
