"""`python -m demo.picture`: draws docs/images/status.svg, the status screen in the middle of a run.

The run is a recorded one, so that the picture needs no servers and comes out the same each time.
"""

import io
import sys
from datetime import timedelta
from pathlib import Path

import yaml
from rich.console import Console
from rich.text import Text

from localenv.repository import ROOT
from roleshift.cli.screen import screen
from roleshift.cli.subject import subject_of

PICTURE = ROOT / "docs" / "images" / "status.svg"
_RECORDED = Path(__file__).with_name("picture.yaml")
_WIDTH = 80
# rich's own template, without its fonts from the network: an image in a page may not load any.
_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
    font-family: "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace;
    font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def drawn() -> str:
    """The picture as SVG."""
    body = yaml.safe_load(_RECORDED.read_text())
    subject = subject_of(body)
    begun = subject.status.start_time
    assert begun is not None
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ roleshift status {subject.name} --watch\n", "bold"))
    console.print(screen(subject, begun + timedelta(seconds=2)))
    return console.export_svg(title="roleshift", code_format=_SVG, unique_id="roleshift")


def main() -> int:
    """Write the picture."""
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(drawn())
    print(PICTURE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
