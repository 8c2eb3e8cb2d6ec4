"""The page on which a person chooses what they are sent, when and where."""
