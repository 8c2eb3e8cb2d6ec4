"""What people are told: which kinds of message there are, who gets them, when, and in which words."""
