"""Whether a version may go live: what it must show beside its review, how far its answer moved, and who decides."""
