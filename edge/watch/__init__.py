"""``linli edge watch``: what a running agent sees and does, in the terminal or in a page."""
