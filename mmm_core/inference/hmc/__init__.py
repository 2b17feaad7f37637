"""Hamiltonian Monte Carlo: the sampler, its adaptation, its checkpoint."""
