"""The claims of the papers, and the verdict of each claim on the results here."""
