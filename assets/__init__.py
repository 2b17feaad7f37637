"""What exists: one module or folder a stage of the asset graph, its checks beside it."""
