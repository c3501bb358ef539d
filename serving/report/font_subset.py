"""Cut the packaged font out of Noto Sans CJK SC: `python -m serving.report.font_subset FOLDER` with the two .ttc files in FOLDER.

Keeps the characters of GB 2312 (both levels and its signs), Latin with accents, and the punctuation our texts use; no layout features.
The family's name is our own, since it is another font than Noto now (SIL Open Font License 1.1).
"""

import sys
from pathlib import Path
from typing import Final

from serving.pages import FOLDER
from serving.report.pdf import FAMILY, FONTS

SOURCES: Final = {400: "NotoSansCJK-Regular.ttc", 700: "NotoSansCJK-Bold.ttc"}
SOURCE_FAMILY: Final = "Noto Sans CJK SC"
_RANGES: Final = ((0x20, 0x7E), (0xA0, 0x17F), (0x2010, 0x2027), (0x2030, 0x2033), (0x2190, 0x2193), (0x3000, 0x301F), (0xFF01, 0xFF5E))
_SINGLE: Final = (0x20AC, 0x2212, 0x2264, 0x2265, 0x25B6, 0x25BC)
_LEGAL_NAMES: Final = (0, 13, 14)


def wanted_characters() -> set[int]:
    """Return the code points kept.

    Examples
    --------
    >>> ord("链") in wanted_characters(), ord("㐀") in wanted_characters()
    (True, False)
    """
    found = {code for first, last in _RANGES for code in range(first, last + 1)} | set(_SINGLE)
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            found |= {ord(character) for character in bytes((row, cell)).decode("gb2312", "ignore")}
    return found


def cut(source: Path, weight: int, out: Path) -> None:
    """Write the subset of one weight as WOFF2."""
    from fontTools import subset
    from fontTools.ttLib import TTCollection

    font = next(each for each in TTCollection(source).fonts if str(each["name"].getDebugName(1)).startswith(SOURCE_FAMILY))
    options = subset.Options(
        layout_features=[], hinting=False, name_IDs=[*_LEGAL_NAMES, 1, 2, 4, 6], notdef_outline=True, recalc_timestamp=False
    )
    options.drop_tables += ["BASE", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=sorted(wanted_characters()))
    subsetter.subset(font)
    style = "Regular" if weight == 400 else "Bold"
    for name_id, text in ((1, FAMILY), (2, style), (4, f"{FAMILY} {style}"), (6, f"{FAMILY.replace(' ', '')}-{style}")):
        font["name"].removeNames(name_id)
        font["name"].setName(text, name_id, 3, 1, 0x409)
    if "CFF " in font:
        font["CFF "].cff.fontNames = [f"{FAMILY.replace(' ', '')}-{style}"]
    font.flavor = "woff2"
    font.save(out)


if __name__ == "__main__":
    for weight_, file in SOURCES.items():
        cut(Path(sys.argv[1]) / file, weight_, FOLDER / "static" / "fonts" / FONTS[weight_])
