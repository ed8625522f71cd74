"""What each piece of the model is worth: `python -m benchmarks.ablation`."""
