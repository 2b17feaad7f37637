"""The engine `ridge`: a penalised regression with searched shapes and bootstrapped intervals."""
