"""``linli edge draw``: zones, lines and privacy masks, drawn on the picture, saved in the YAML."""
