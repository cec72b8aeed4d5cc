"""Training: recipes, losses, optimizers, schedules, and the loop that can be killed at any moment."""
