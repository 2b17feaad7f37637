"""Loops that Numba compiles: where nothing can be kept they are compiled all the same."""

import numpy as np

from mmm_core.long_term import loops


def test_without_a_folder_to_keep_programs_in_they_are_compiled_anew(monkeypatch):
    numba = loops.njit

    def without_folder(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available for file")
        return numba(**options)

    monkeypatch.setattr(loops, "njit", without_folder)
    root = np.array([[[2.0, 0.0], [1.0, 3.0]]])
    right = np.array([[[4.0], [6.0]]])
    found = loops.compiled(loops.solved_from_below.py_func)(root, right)
    assert np.allclose(root[0].T @ found[0], right[0])
