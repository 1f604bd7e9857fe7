"""A folder of files becomes pixels: scan, decode, working copy. The only part that opens pictures (Pillow)."""
