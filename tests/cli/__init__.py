"""The commands, as processes, on real databases."""
