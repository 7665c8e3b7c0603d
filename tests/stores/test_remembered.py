"""What was done lately is known, and what was done long ago takes no room."""

from __future__ import annotations

from mcpauthkit.stores.remembered import Remembered


def test_a_text_is_new_once_and_again_after_it_was_forgotten() -> None:
    lately = Remembered()
    assert [lately.is_new("a"), lately.is_new("a"), lately.is_new("b")] == [True, False, True]
    lately.forget("a")
    lately.forget("never seen")
    assert [lately.is_new("a"), lately.is_new("b")] == [True, False]


def test_the_longest_unseen_gives_way() -> None:
    lately = Remembered(at_most=2)
    assert all(lately.is_new(text) for text in "ab")
    assert not lately.is_new("a")
    assert lately.is_new("c")
    assert not lately.is_new("a")
    assert lately.is_new("b")
