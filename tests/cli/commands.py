"""Running the command in this process."""

from __future__ import annotations

import pytest

from mcpauthkit.cli.main import main


def run(*arguments: object) -> int:
    """Its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    assert isinstance(ended.value.code, int)
    return ended.value.code
