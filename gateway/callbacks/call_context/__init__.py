"""What whoever rings somebody has to know first: whom to ring, what is wrong there, what was said, what to ask."""
