"""Scores a gateway against ground truth: precision, recall and delay, by kind of fault."""
