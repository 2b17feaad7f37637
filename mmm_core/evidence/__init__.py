"""What experiments measured: lift tests as records, how far each is believed, and their replay through a model."""
