from __future__ import annotations

import mcpauthkit.testing


def test_the_public_names_are_sorted_and_exist() -> None:
    names = mcpauthkit.testing.__all__
    assert names == sorted(names)
    assert [name for name in names if not hasattr(mcpauthkit.testing, name)] == []
