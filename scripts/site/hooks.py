"""What the documentation site takes from beside docs/: changelog, requirements, and the program that draws diagrams."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.files import File
from pymdownx.superfences import fence_code_format  # type: ignore[import-untyped]  # it has no types

if TYPE_CHECKING:
    from jinja2 import Environment
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[2]
MERMAID = ROOT / ".cache/docs/mermaid.min.js"
SERVED = "assets/mermaid.min.js"

log = get_plugin_logger("site")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Draw diagrams where what draws them is installed."""
    if not MERMAID.is_file():
        # The theme would load it from another host by itself, wherever it meets a block of this class.
        log.info("diagrams stay text: `scripts/docs install` brings what draws them")
        return config
    fence = {"name": "mermaid", "class": "mermaid", "format": fence_code_format}
    config.mdx_configs["pymdownx.superfences"] = {"custom_fences": [fence]}
    config.extra_javascript.insert(0, SERVED)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add pages that are made of other things, and the program for diagrams."""
    # Its links are written for its own place.
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "changelog.md", content=re.sub(r"\]\(docs/", "](", text)))
    files.append(File.generated(config, "requirements.md", content=_requirements()))
    if MERMAID.is_file():
        files.append(File.generated(config, SERVED, abs_src_path=str(MERMAID)))
    return files


def on_env(env: Environment, config: MkDocsConfig, files: Files) -> Environment:
    """Serve what the pages are made of as well: `llms.txt` names these, because programs read them more easily."""
    for file in files.documentation_pages():
        path = Path(config.site_dir, file.src_uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content_string, encoding="utf-8")
    return env


def _requirements() -> str:
    # The page is made of a table of the tests, which stand beside this folder.
    sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
    try:
        return str(import_module("requirements").page())
    finally:
        del sys.path[:2]
