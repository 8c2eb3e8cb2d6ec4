"""Loads the rows that a planner needs: one module for each kind of decision."""
