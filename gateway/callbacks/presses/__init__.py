"""What a finger on a button leads to: a call, an answer, a test that was heard; and what the device is told."""
