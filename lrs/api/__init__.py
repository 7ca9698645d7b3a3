"""What the addresses below /api have in common, whichever door they belong to."""
