"""Under which licences a distribution may be used: SPDX expressions, and what was said before."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from cloche.core.known import Facts

MAX_EXPRESSION = 1_000  # characters
MAX_NAME = 100  # characters of a `License` that can be a name, in place of a text

_PREFIX = "License :: "
_APPROVED = f"{_PREFIX}OSI Approved :: "
# PEP 639, appendix "Mapping License Classifiers to SPDX Identifiers". Of several all must pass.
_CLASSIFIERS = {
    f"{_PREFIX}Aladdin Free Public License (AFPL)": "Aladdin",
    f"{_PREFIX}CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    f"{_PREFIX}CeCILL-B Free Software License Agreement (CECILL-B)": "CECILL-B",
    f"{_PREFIX}CeCILL-C Free Software License Agreement (CECILL-C)": "CECILL-C",
    f"{_PREFIX}Netscape Public License (NPL)": "NPL-1.0 AND NPL-1.1",
    f"{_APPROVED}Apache Software License": "Apache-1.1 AND Apache-2.0",
    f"{_APPROVED}Attribution Assurance License": "AAL",
    f"{_APPROVED}BSD License": "BSD-2-Clause AND BSD-3-Clause",
    f"{_APPROVED}Blue Oak Model License (BlueOak-1.0.0)": "BlueOak-1.0.0",
    f"{_APPROVED}Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    f"{_APPROVED}CEA CNRS Inria Logiciel Libre License, version 2.1 (CeCILL-2.1)": "CECILL-2.1",
    f"{_APPROVED}CMU License (MIT-CMU)": "MIT-CMU",
    f"{_APPROVED}Common Development and Distribution License 1.0 (CDDL-1.0)": "CDDL-1.0",
    f"{_APPROVED}Common Public License": "CPL-1.0",
    f"{_APPROVED}Eclipse Public License 1.0 (EPL-1.0)": "EPL-1.0",
    f"{_APPROVED}Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    f"{_APPROVED}Educational Community License, Version 2.0 (ECL-2.0)": "ECL-2.0",
    f"{_APPROVED}European Union Public Licence 1.0 (EUPL 1.0)": "EUPL-1.0",
    f"{_APPROVED}European Union Public Licence 1.1 (EUPL 1.1)": "EUPL-1.1",
    f"{_APPROVED}European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    f"{_APPROVED}GNU Affero General Public License v3": "AGPL-3.0-only",
    f"{_APPROVED}GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    f"{_APPROVED}GNU General Public License (GPL)": "GPL-1.0-or-later",
    f"{_APPROVED}GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    f"{_APPROVED}GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    f"{_APPROVED}GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    f"{_APPROVED}GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    f"{_APPROVED}GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only AND LGPL-2.1-only",
    f"{_APPROVED}GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    f"{_APPROVED}GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    f"{_APPROVED}GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    f"{_APPROVED}GNU Library or Lesser General Public License (LGPL)": "LGPL-2.0-or-later",
    f"{_APPROVED}Historical Permission Notice and Disclaimer (HPND)": "HPND",
    f"{_APPROVED}ISC License (ISCL)": "ISC",
    f"{_APPROVED}MIT License": "MIT",
    f"{_APPROVED}MIT No Attribution License (MIT-0)": "MIT-0",
    f"{_APPROVED}MirOS License (MirOS)": "MirOS",
    f"{_APPROVED}Mozilla Public License 1.0 (MPL)": "MPL-1.0",
    f"{_APPROVED}Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    f"{_APPROVED}Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    f"{_APPROVED}Mulan Permissive Software License v2 (MulanPSL-2.0)": "MulanPSL-2.0",
    f"{_APPROVED}NASA Open Source Agreement v1.3 (NASA-1.3)": "NASA-1.3",
    f"{_APPROVED}Open Software License 3.0 (OSL-3.0)": "OSL-3.0",
    f"{_APPROVED}PostgreSQL License": "PostgreSQL",
    f"{_APPROVED}Python License (CNRI Python License)": "CNRI-Python",
    f"{_APPROVED}Python Software Foundation License": "PSF-2.0",
    f"{_APPROVED}SIL Open Font License 1.1 (OFL-1.1)": "OFL-1.1",
    f"{_APPROVED}Sleepycat License": "Sleepycat",
    f"{_APPROVED}The Unlicense (Unlicense)": "Unlicense",
    f"{_APPROVED}Universal Permissive License (UPL)": "UPL-1.0",
    f"{_APPROVED}University of Illinois/NCSA Open Source License": "NCSA",
    f"{_APPROVED}W3C License": "W3C",
    f"{_APPROVED}Zero-Clause BSD (0BSD)": "0BSD",
    f"{_APPROVED}Zope Public License": "ZPL-1.1 AND ZPL-2.0 AND ZPL-2.1",
    f"{_APPROVED}zlib/libpng License": "Zlib AND zlib-acknowledgement",
}
_SAYS_NOTHING = {f"{_PREFIX}OSI Approved", f"{_PREFIX}DFSG approved"}

# By the words that matter, in any order: "The BSD 3-Clause License" and "3-clause BSD" are one.
_WORDS = {
    frozenset(words.split()): expression
    for words, expression in {
        "apache": "Apache-1.1 AND Apache-2.0",
        "apache 2": "Apache-2.0",
        "apache 2.0": "Apache-2.0",
        "asl 2.0": "Apache-2.0",
        "bsd": "BSD-2-Clause AND BSD-3-Clause",
        "bsd 2 clause": "BSD-2-Clause",
        "bsd simplified": "BSD-2-Clause",
        "bsd 3 clause": "BSD-3-Clause",
        "bsd modified": "BSD-3-Clause",
        "bsd new": "BSD-3-Clause",
        "bsd revised": "BSD-3-Clause",
        "mit": "MIT",
        "expat": "MIT",
        "isc": "ISC",
        "mpl 2": "MPL-2.0",
        "mpl 2.0": "MPL-2.0",
        "mozilla public 2.0": "MPL-2.0",
        "psf": "PSF-2.0",
        "python foundation": "PSF-2.0",
        "agpl 3": "AGPL-3.0-only",
        "agpl 3+": "AGPL-3.0-or-later",
        "gpl": "GPL-1.0-or-later",
        "gpl 2": "GPL-2.0-only",
        "gpl 2+": "GPL-2.0-or-later",
        "gpl 3": "GPL-3.0-only",
        "gpl 3+": "GPL-3.0-or-later",
        "lgpl": "LGPL-2.0-or-later",
        "lgpl 2.1": "LGPL-2.1-only",
        "lgpl 2.1+": "LGPL-2.1-or-later",
        "lgpl 3": "LGPL-3.0-only",
        "lgpl 3+": "LGPL-3.0-or-later",
        "zpl 2.1": "ZPL-2.1",
    }.items()
}
_NOISE = frozenset({"the", "license", "licence", "licensed", "software", "version", "gnu"})
_VERSION = re.compile(r"v\.? ?(?=\d)")
_WORD = re.compile(r"[a-z]+|\d+(?:\.\d+)*\+?")
_DEPRECATED = re.compile(r"(?P<name>(?:A|L)?GPL-\d\.\d|GFDL-\d\.\d)(?P<later>\+)?\Z")


def spdx(raw: str) -> str | None:
    """An SPDX expression as its standard writes it (PEP 639), or None when it is none."""
    if not 0 < len(raw) <= MAX_EXPRESSION:
        return None
    try:
        return str(canonicalize_license_expression(raw))
    except (InvalidLicenseExpression, RecursionError):
        return None


def licence(raw: str) -> str | None:
    """A single licence as SPDX names it now, or None when it is none, or several."""
    expression = spdx(raw)
    if expression is None or " AND " in expression or " OR " in expression:
        return None
    return _current(expression)


def stated(fields: Facts) -> str | None:
    """The SPDX expression that core metadata comes to; None when it does not say or is unclear.

    Where `License-Expression` is, nothing else counts (PEP 639). Else a `License` that names one,
    and classifiers; those that contradict each other, or may mean several, all have to pass.
    """
    if expressions := fields.get("license-expression"):
        return spdx(expressions[0])
    named = _named(next(iter(fields.get("license", ())), ""))
    classified = [
        _CLASSIFIERS.get(each)
        for each in fields.get("classifier", ())
        if each.startswith(_PREFIX) and each not in _SAYS_NOTHING
    ]
    if None in classified:
        return None
    own = set(identifiers(named)) if named else set()
    rest = (each for each in classified if each and own.isdisjoint(identifiers(each)))
    both = [each for each in dict.fromkeys([named, *rest]) if each]
    return both[0] if len(both) == 1 else " AND ".join(f"({each})" for each in both) or None


def passes(expression: str, permits: Callable[[str], bool]) -> bool:
    """Whether one may use it when only these licences are permitted: of an OR one will do.

    `permits` is asked of identifiers, as `GPL-2.0-only WITH Classpath-exception-2.0` is one.
    """
    return _holds(_tree(expression), permits)


def identifiers(expression: str) -> list[str]:
    """All licences that an expression names."""
    return list(dict.fromkeys(_leaves(_tree(expression))))


class _Node(NamedTuple):
    any_will_do: bool  # OR
    parts: tuple["_Tree", ...]


_Tree = _Node | str


@lru_cache(maxsize=4096)
def _tree(expression: str) -> _Tree:
    # 70 ms, for what few indexes ask.
    from license_expression import Licensing  # noqa: PLC0415

    return _read(Licensing().parse(expression))


def _read(parsed: Any) -> _Tree:
    if parsed.isliteral:
        return _current(parsed.render())
    return _Node(type(parsed).__name__ == "OR", tuple(_read(each) for each in parsed.args))


def _current(identifier: str) -> str:
    """An identifier that SPDX has replaced, as it is now: GPL-3.0+ is GPL-3.0-or-later."""
    licence, exception, rest = identifier.partition(" WITH ")
    found = _DEPRECATED.match(licence)
    if found is None:
        return identifier
    return f"{found['name']}-{'or-later' if found['later'] else 'only'}{exception}{rest}"


def _holds(tree: _Tree, permits: Callable[[str], bool]) -> bool:
    if isinstance(tree, str):
        return permits(tree)
    held = (_holds(each, permits) for each in tree.parts)
    return any(held) if tree.any_will_do else all(held)


def _leaves(tree: _Tree) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    else:
        for each in tree.parts:
            yield from _leaves(each)


def _named(said: str) -> str | None:
    """The expression that a `License` field names, if it names one in place of being one."""
    if len(said) > MAX_NAME:
        return None
    words = _WORD.findall(_VERSION.sub(" ", said.lower()))
    return spdx(said) or _WORDS.get(frozenset(words) - _NOISE)
