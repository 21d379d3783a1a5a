"""The model catalog, the starter weights that ship with Linli, and how they were trained.

The catalog and its downloads import configs alone; what runs a model (``models.cli_run``)
imports the edge's detector, and only when it is called. ``models.faces`` hides faces, for
the edge and the web alike.
"""
