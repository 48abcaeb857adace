"""Energies f(s, a, g) of every pair of embeddings, larger is nearer; one function a file."""
