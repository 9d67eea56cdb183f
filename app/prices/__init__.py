"""What models cost: the built-in table of prices, the user's own, and what a call comes to by them."""
