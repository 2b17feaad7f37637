"""The model: the density that engines sample from, and the parts it is made of."""
