"""Publishing: the copy of the marts that analysts query while runs write."""
