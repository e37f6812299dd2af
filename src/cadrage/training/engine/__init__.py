"""What all systems share: recipes, photos, batches, the loop, checkpoints, the record of a run and its export."""
