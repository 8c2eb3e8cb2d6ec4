"""The operator's own wording: what a template may use, where it stands in for ours, and what is wrong with it."""
