"""Kernels as machine code: made when the package is built, found and called later; or compiled by numba on use."""
