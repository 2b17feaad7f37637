"""Hamiltonian Monte Carlo: the sampler, its compiled program, its adaptation, its checkpoint, and their records."""
