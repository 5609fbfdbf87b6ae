"""What experts are asked, and what they answer."""
