"""What a model is: the types behind a YAML file, and how a file becomes one."""
