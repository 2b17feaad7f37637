"""What a channel returns according to the model, to lift tests and to attribution: compared, averaged and fused."""
