"""The engine `pymc`: the same specification fitted by PyMC-Marketing."""
