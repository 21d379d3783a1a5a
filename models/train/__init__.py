"""How the starter weights are made: prepare, train, export, evaluate. See README.md."""
