"""Training sets: training frames that are saved, split, versioned, and can be had again."""
