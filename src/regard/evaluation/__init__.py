"""How well maps agree with the expert, and whether to believe them."""
