"""What the papers claim, and what becomes of each claim here."""
