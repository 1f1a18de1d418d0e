"""What the Chinese edition lacks: ``python -m tests.tools.untranslated``.

Lists each string of a derivation page that has no translation, or one of an older text, and each translation whose
formulas, code or links are not the original's. Exits with 1 if there are any.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
TRANSLATIONS = DOCS / "locale" / "zh_CN" / "LC_MESSAGES"
_SAME = re.compile(r"\$[^$]+\$|`[^`]+`|(?<=\]\()[^)]+(?=\))")


def extracted(target: Path) -> Path:
    """Have Sphinx write the pages' strings below a folder, and return that of the derivations."""
    others = "exclude_patterns=_build,guides,reference"  # they take as long as the derivations, and are not translated
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "gettext", "-D", others, str(DOCS), str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return target / "derivations"


def complaints(strings: Path) -> Iterator[str]:
    """Yield what is missing or wrong, page by page."""
    from babel.messages.pofile import read_po

    for page in sorted(strings.glob("*.pot")):
        translation = TRANSLATIONS / "derivations" / f"{page.stem}.po"
        if not translation.exists():
            yield f"{page.stem}: there is no {translation.relative_to(DOCS)}"
            continue
        translated = read_po(BytesIO(translation.read_bytes()), locale="zh_CN")
        for message in read_po(BytesIO(page.read_bytes())):
            found = translated.get(message.id)
            if message.id and (found is None or not found.string or found.fuzzy):
                yield f"{page.stem}: untranslated: {message.id}"
            elif message.id and Counter(_SAME.findall(message.id)) != Counter(_SAME.findall(found.string)):
                yield f"{page.stem}: other formulas, code or links: {message.id}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        found = [*complaints(extracted(Path(folder)))]
    sys.stdout.write("\n".join([*found, f"{len(found)} to be translated"]) + "\n")
    sys.exit(bool(found))
