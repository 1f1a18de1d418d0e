"""List what the Chinese edition of the derivations lacks.

Usage: python -m tests.tools.untranslated

Lists each string of a page that has no translation, or only one of an older text, and each translation whose formulas,
code or links differ from the original's. Exits with 1 if there are any.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"
TRANSLATIONS = DOCS / "locale" / "zh_CN" / "LC_MESSAGES"
_KEPT = re.compile(r"\$[^$]+\$|`[^`]+`|(?<=\]\()[^)]+(?=\))")  # formulas, code and links


def extract_strings(target: Path) -> Path:
    """Have Sphinx write the strings of all pages to a folder, and return the folder with those of the derivations."""
    others = "exclude_patterns=_build,guides,reference"  # they take as long as the derivations, and are not translated
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "gettext", "-D", others, str(DOCS), str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return target / "derivations"


def read(file: Path) -> Any:
    """Return the catalogue in a .po or .pot file. Raises PoFileError for a malformed file."""
    from babel.messages.pofile import read_po

    return read_po(BytesIO(file.read_bytes()), locale="zh_CN", abort_invalid=True)


def keeps_formulas(original: str, translation: str) -> bool:
    """Return True if the two strings have the same formulas, code and links, in any order."""
    return Counter(_KEPT.findall(original)) == Counter(_KEPT.findall(translation))


def missing(strings: Path) -> Iterator[str]:
    """Yield each string that is untranslated, or whose translation is outdated or changes a formula, page by page."""
    for page in sorted(strings.glob("*.pot")):
        translation = TRANSLATIONS / "derivations" / f"{page.stem}.po"
        if not translation.exists():
            yield f"{page.stem}: there is no {translation.relative_to(DOCS)}"
            continue
        translated = read(translation)
        for message in read(page):
            found = translated.get(message.id)
            if message.id and (found is None or not found.string or found.fuzzy):
                yield f"{page.stem}: untranslated: {message.id}"
            elif message.id and not keeps_formulas(message.id, found.string):
                yield f"{page.stem}: other formulas, code or links: {message.id}"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = [*missing(extract_strings(Path(folder)))]
    sys.stdout.write("\n".join([*found, f"{len(found)} to be translated"]) + "\n")
    sys.exit(bool(found))
