"""What a network has learned: clusters of activations and units, and words for them."""
