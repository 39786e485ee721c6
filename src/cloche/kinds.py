"""A kind named in the configuration is the module that implements it."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def names(package: ModuleType) -> list[str]:
    """Every kind that `package` offers; a leading underscore keeps a module to itself."""
    return sorted(m.name for m in iter_modules(package.__path__) if not m.name.startswith("_"))


def load(package: ModuleType, kind: str) -> ModuleType:
    """Import `package.kind`. The kind must be one of `names(package)`."""
    return import_module(f"{package.__name__}.{kind}")
