"""Our pages in front of a real Chromium, at the widths of a phone and of a desk. `scripts/browser run`."""
