"""The style sheet of the SVG. Colours stand in the shapes' attributes too, for programs that know no style sheets."""

_FAMILY = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
_DARK = {
    ".page": "fill:#16181d",
    "text": "fill:#e8eaee",
    ".value,.saved": "fill:#c3c8d2",
    ".line": "stroke:#8b93a3",
    ".head": "fill:#8b93a3",
    ".leaf .shape": "fill:#17361d;stroke:#6cc070",
    ".parameter .shape": "fill:#12304f;stroke:#6fb1f5",
    ".parameter .inner": "stroke:#6fb1f5",
    ".op .shape": "fill:#272b33;stroke:#9aa2b1",
    ".custom .shape": "fill:#463005;stroke:#f0b24a",
    ".output .shape": "fill:#33224a;stroke:#b994e6",
    ".note": "fill:#2f2c17;stroke:#b8ab52",
}
_SCOPE = ".gradcheck-graph "


def _rules(rules: dict[str, str]) -> str:
    """Only for this picture, wherever it is put."""
    return "".join(f"{','.join(_SCOPE + part for part in names.split(','))}{{{style}}}" for names, style in rules.items())


STYLE = (
    _rules(
        {
            "text": f"font-family:{_FAMILY};fill:#1c1f26",
            ".heading": "font-size:15px;font-weight:600",
            ".name": "font-size:13px;font-weight:600",
            ".small": "font-size:10.5px",
            ".value,.saved": "fill:#4a505c",
            ".line": "stroke-width:1.3",
            ".shape": "stroke-width:1.3",
            ".custom .shape": "stroke-width:1.8",
            ".note": "stroke-width:1;stroke-dasharray:none",
        }
    )
    + f"@media (prefers-color-scheme:dark){{{_rules(_DARK)}}}"
)
