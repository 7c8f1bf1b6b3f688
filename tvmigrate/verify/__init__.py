"""Decide whether a migration, anyone's, did what the contract says, and whether its way back brought all back."""
