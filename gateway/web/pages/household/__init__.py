"""The page of a household: all that is open at its homes, behind one link."""
