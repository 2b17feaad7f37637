"""What assets ask for by name: stores, the warehouse, tracking. `orchestration.resources` configures them."""
